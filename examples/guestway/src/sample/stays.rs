use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use super::words;
use crate::model::{
    Answer, Booking, BookingChannel, Channel, Conversation, ConversationStatus, Direction, Guest,
    Listing, Message, OrganizationUser, PreCheckInResponse, Reservation, ReservationAccess,
    ReservationStatus,
};
use crate::random::Random;

/// The stays: days from today to check-in, and the status.
const STAYS: [(i32, ReservationStatus); 6] = [
    (-34, ReservationStatus::CheckedOut),
    (-1, ReservationStatus::CheckedIn),
    (3, ReservationStatus::Confirmed),
    (12, ReservationStatus::Confirmed),
    (20, ReservationStatus::Cancelled),
    (47, ReservationStatus::Confirmed),
];

#[derive(Default)]
pub(crate) struct Stays {
    pub(crate) reservations: Vec<Reservation>,
    pub(crate) bookings: Vec<Booking>,
    pub(crate) accesses: Vec<ReservationAccess>,
    pub(crate) pre_check_in_responses: Vec<PreCheckInResponse>,
}

pub(crate) fn draw(
    random: &mut Random,
    today: Date,
    currency: &'static str,
    guests: &[Guest],
    listings: &[Listing],
) -> Stays {
    let listings: Vec<_> = listings.iter().collect();
    let mut stays = Stays::default();
    for ((days, status), guest) in STAYS.into_iter().zip(guests) {
        let listing = random.pick(&listings);
        let check_in = day(today, days);
        let reservation = Reservation {
            id: random.id("res"),
            status,
            check_in,
            check_out: day(check_in, random.pick(&[2, 3, 7])),
            guest_count: random.pick(&[1, 2]),
            guest_id: guest.id.clone(),
            listing_id: listing.id.clone(),
            booking_id: random.id("bkg"),
            created_at: at(day(check_in, -60), 9),
        };
        stays.bookings.push(booking(random, currency, &reservation));
        if status != ReservationStatus::Cancelled {
            stays.accesses.extend(accesses(random, listing, &reservation));
            stays.pre_check_in_responses.push(response(random, &reservation));
        }
        stays.reservations.push(reservation);
    }
    stays
}

fn booking(random: &mut Random, currency: &'static str, reservation: &Reservation) -> Booking {
    let channels = [BookingChannel::Airbnb, BookingChannel::BookingCom, BookingChannel::Direct];
    Booking {
        id: reservation.booking_id.clone(),
        reservation_id: reservation.id.clone(),
        channel: random.pick(&channels),
        channel_reference: format!("{:08}", random.below(100_000_000)),
        total_minor: 20_000 + 100 * random.below(2_000),
        currency,
        booked_at: reservation.created_at,
    }
}

/// The codes for the front door and for the listing's door.
fn accesses(
    random: &mut Random,
    listing: &Listing,
    reservation: &Reservation,
) -> [ReservationAccess; 2] {
    ["Front door".to_owned(), listing.name.clone()].map(|lock_name| ReservationAccess {
        id: random.id("acc"),
        reservation_id: reservation.id.clone(),
        lock_name,
        pin_code: format!("{:06}", random.below(1_000_000)),
        valid_from: at(reservation.check_in, 15),
        valid_to: at(reservation.check_out, 11),
    })
}

fn response(random: &mut Random, reservation: &Reservation) -> PreCheckInResponse {
    PreCheckInResponse {
        id: random.id("pci"),
        reservation_id: reservation.id.clone(),
        guest_id: reservation.guest_id.clone(),
        answers: vec![
            Answer { question: "When do you arrive?", answer: random.pick(&words::ARRIVALS) },
            Answer { question: "Do you bring a pet?", answer: random.pick(&["Yes", "No"]) },
        ],
        submitted_at: at(day(reservation.check_in, -2), 18),
    }
}

#[derive(Default)]
pub(crate) struct Inbox {
    pub(crate) conversations: Vec<Conversation>,
    pub(crate) messages: Vec<Message>,
}

/// A conversation about each of the first four stays, with one message from each side.
pub(crate) fn inbox(
    random: &mut Random,
    today: Date,
    reservations: &[Reservation],
    users: &[OrganizationUser],
) -> Inbox {
    let mut inbox = Inbox::default();
    let assignees = [None, Some(&users[1]), Some(&users[2])];
    for (ago, reservation) in (-4..).zip(reservations.iter().take(4)) {
        let conversation = Conversation {
            id: random.id("cnv"),
            reservation_id: reservation.id.clone(),
            guest_id: reservation.guest_id.clone(),
            channel: random.pick(&[Channel::WhatsApp, Channel::Airbnb, Channel::Email]),
            status: match reservation.status {
                ReservationStatus::CheckedOut => ConversationStatus::Closed,
                _ => ConversationStatus::Open,
            },
            assignee_id: random.pick(&assignees).map(|user| user.id.clone()),
            last_message_at: at(day(today, ago), 11),
        };
        let question = random.pick(&words::QUESTIONS);
        for (direction, text, hour) in [
            (Direction::Inbound, question, 10),
            (Direction::Outbound, "Thank you for asking: that is no problem.", 11),
        ] {
            inbox.messages.push(Message {
                id: random.id("msg"),
                conversation_id: conversation.id.clone(),
                direction,
                text: text.to_owned(),
                sent_at: at(day(today, ago), hour),
            });
        }
        inbox.conversations.push(conversation);
    }
    inbox
}

fn day(from: Date, days: i32) -> Date {
    from.saturating_add(days.days())
}

/// This hour of the day, in UTC.
fn at(day: Date, hour: i8) -> Timestamp {
    let time = TimeZone::UTC.to_timestamp(day.at(hour, 0, 0, 0));
    time.expect("the day is in the range of timestamps")
}
