"""Calls the API with the client that openapi-python-client generates from the document."""

import os
import sys

from guestway_client import AuthenticatedClient
from guestway_client.api.conversations import list_conversations, send_message
from guestway_client.api.reservations import list_reservations
from guestway_client.models import NewMessage, ReservationStatus

client = AuthenticatedClient(
    base_url=sys.argv[1],
    token=os.environ["TOKEN"],
    headers={"X-Api-Key": os.environ["API_KEY"]},
    raise_on_unexpected_status=True,
)

page = list_reservations.sync(client=client, status=ReservationStatus.CONFIRMED, limit=2)
assert len(page.data) == 2 and page.next_cursor, page
rest = list_reservations.sync(
    client=client, status=ReservationStatus.CONFIRMED, limit=2, cursor=page.next_cursor
)
assert len(rest.data) == 1 and rest.next_cursor is None, rest

conversation = list_conversations.sync(client=client).data[0]
sent = send_message.sync(conversation.id, client=client, body=NewMessage(text="Hello"))
assert sent.conversation_id == conversation.id and sent.direction == "outbound", sent

print("the generated client lists reservations and conversations, and sends a message")
