use jiff::civil::date;
use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::{Value, json};

use super::examples::{id_of, records, to_json};
use crate::body::{JsonObject, parse};
use crate::model::{
    Conversation, ConversationChange, CustomField, CustomFieldChange, Message, NewMessage,
};
use crate::problem::Problem;
use crate::records::Records;

/// A body that is sent, with an example of each answer to it.
pub(crate) trait Sent {
    type Answer: Serialize;

    fn valid() -> Value;

    /// A body of which each field is wrong.
    fn invalid() -> Value;

    fn send(records: &mut Records, body: JsonObject) -> Result<Self::Answer, Problem>;

    /// The answer to the valid body.
    fn answer() -> Value {
        let answer = Self::send(&mut records(), object(&Self::valid()));
        to_json(&answer.expect("the body is valid"))
    }

    /// The answer to the invalid body.
    fn problem() -> Problem {
        let answer = Self::send(&mut records(), object(&Self::invalid()));
        answer.err().expect("the body is not valid")
    }
}

impl Sent for ConversationChange {
    type Answer = Conversation;

    fn valid() -> Value {
        json!({ "status": "snoozed" })
    }

    fn invalid() -> Value {
        json!({ "status": "deleted", "assigneeId": 7 })
    }

    fn send(records: &mut Records, body: JsonObject) -> Result<Conversation, Problem> {
        records.change_conversation(&id_of::<Conversation>(), body)
    }
}

impl Sent for NewMessage {
    type Answer = Message;

    fn valid() -> Value {
        json!({ "text": "Yes, the car park is free for guests." })
    }

    fn invalid() -> Value {
        json!({ "text": "" })
    }

    fn send(records: &mut Records, body: JsonObject) -> Result<Message, Problem> {
        let now = TimeZone::UTC.to_timestamp(date(2026, 7, 1).at(12, 0, 0, 0));
        let now = now.expect("the day is in the range of timestamps");
        records.send_message(&id_of::<Conversation>(), body, now)
    }
}

impl Sent for CustomFieldChange {
    type Answer = CustomField;

    fn valid() -> Value {
        json!({ "name": "Renamed" })
    }

    fn invalid() -> Value {
        json!({ "name": "", "value": null })
    }

    fn send(records: &mut Records, body: JsonObject) -> Result<CustomField, Problem> {
        records.change_custom_field(&id_of::<CustomField>(), body)
    }
}

fn object(body: &Value) -> JsonObject {
    parse(body.to_string().as_bytes()).expect("the body is an object")
}
