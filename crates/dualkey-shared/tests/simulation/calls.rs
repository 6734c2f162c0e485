//! Calls on their way to the store and back.

use dualkey_limit::{LimitPolicy, Timestamp};
use dualkey_shared::node::{Answer, Batch, Ticket};
use dualkey_store::{SharedStanding, SharedTake, SharedTaken};
use rand::RngExt as _;

use crate::clocks::Nanos;
use crate::plan::{Defect, SECOND};
use crate::process::{Call, Message, Reply};
use crate::world::{Event, World};

impl World {
    pub(crate) fn connect(&mut self, process: usize) {
        let wall = i64::try_from(self.store.time.wall(self.now)).expect("it is after 1970");
        self.processes[process].note_server_time(self.now, wall - 1);
    }

    pub(crate) fn begin_call(&mut self, process: usize) {
        let policy = self.policy();
        let calling = &mut self.processes[process];
        let batch = std::mem::take(&mut calling.batch);
        let tickets = std::mem::take(&mut calling.waiting);
        let begun_at = calling.clock.now(self.now);
        let message = match calling.node.uncounted() {
            Some((day, permits)) => Message::AddUsage { day, permits, then: batch },
            None => Message::Take(calling.node.begin_call(&policy, begun_at, batch.into_runs())),
        };
        let known = calling.node.known().copied();
        self.send_new(process, policy, tickets, message, (known, begun_at));
    }

    fn send_new(
        &mut self,
        process: usize,
        policy: LimitPolicy,
        tickets: Vec<Ticket>,
        message: Message,
        (known, begun_at): (Option<SharedStanding>, Timestamp),
    ) {
        let index = self.calls.len();
        self.processes[process].under_way = Some(index);
        let deadline = self.processes[process].clock.after(self.now, self.plan.deadline);
        // An idle process does not know how the clocks drift apart.
        let drift =
            if self.plan.faults.store_clock_steps > 0 { Nanos::MAX / 2 } else { deadline / 40 };
        self.calls.push(Call {
            process,
            policy,
            tickets,
            message,
            known,
            begun_at,
            void_after: self.processes[process].server_time(deadline),
            deadline,
            latest: deadline + drift,
            is_repeated: false,
            answer: None,
            is_over: false,
        });
        self.schedule(deadline - self.now, Event::Deadline(index));
        if self.happens(self.plan.faults.given_up) {
            let after = self.random.random_range(0..self.plan.latency * 3);
            self.schedule(after, Event::GiveUp(index));
        }
        if self.happens(self.plan.faults.duplicated) {
            let after = self.random.random_range(0..SECOND);
            self.schedule(after, Event::Duplicate(index));
        }
        self.send(Event::Delivery(index));
    }

    /// A message may be lost, or late.
    pub(crate) fn send(&mut self, event: Event) {
        if self.happens(self.plan.faults.lost) {
            return;
        }
        let mut after = self.random.random_range(self.plan.latency / 4..=self.plan.latency);
        if self.happens(self.plan.faults.slow) {
            after = self.random.random_range(0..2 * self.plan.deadline);
        }
        self.schedule(after, event);
    }

    pub(crate) fn happens(&mut self, per_mille: u32) -> bool {
        per_mille > 0 && self.random.random_ratio(per_mille, 1_000)
    }

    pub(crate) fn deliver(&mut self, index: usize) {
        if self.now < self.store.stopped_until {
            return self.schedule(self.store.stopped_until - self.now, Event::Delivery(index));
        }
        let server_time = i64::try_from(self.store.time.wall(self.now)).expect("it is after 1970");
        let effective = self.effective();
        let call = &mut self.calls[index];
        let is_void = server_time > call.void_after && self.plan.defect != Some(Defect::NoVoidTime);
        call.answer = Some(if is_void {
            Reply::Void { server_time }
        } else {
            let about = (&call.policy, call.known);
            match &call.message {
                Message::Take(take) => {
                    let taken = self.store.take(self.now, about, take);
                    let granted = take.runs.iter().zip(&taken.granted);
                    let granted = granted.map(|(run, &n)| u64::from(run.permits) * u64::from(n));
                    let (granted, day) = (granted.sum(), taken.standing.day);
                    let leased = taken.lease.map_or(0, |lease| lease.permits.into());
                    self.checks.issued(day, granted + leased);
                    self.checks.decided(effective, day, granted);
                    if granted > 0 && self.now > call.latest {
                        self.checks.fail(self.now, "a call was charged after it was given up");
                    }
                    Reply::Taken { server_time, taken }
                }
                Message::AddUsage { day, permits, .. } => {
                    let standing = self.store.add_usage(self.now, about, (*day, *permits));
                    if *day == standing.day {
                        self.checks.issued(*day, *permits);
                    }
                    Reply::Counted { server_time, standing }
                }
            }
        });
        self.checks.totals.round_trips += 1;
        self.send(Event::Answer(index));
    }

    /// The network repeats a call of which a connection sends only the settlements again.
    pub(crate) fn deliver_again(&mut self, index: usize) {
        let call = &self.calls[index];
        if let Message::Take(take) = &call.message {
            let settlements = take.settlements.clone();
            let take = SharedTake { settlements, ..SharedTake::default() };
            self.store.take(self.now, (&call.policy, call.known), &take);
        }
    }

    pub(crate) fn answer(&mut self, index: usize) {
        let call = &mut self.calls[index];
        if call.is_over {
            return;
        }
        let process = call.process;
        let reply = call.answer.clone().expect("the store has answered");
        self.processes[process].note_server_time(self.now, reply.server_time());
        match reply {
            Reply::Void { .. } if call.is_repeated => self.fail(index),
            Reply::Void { .. } => {
                call.is_repeated = true;
                call.void_after = self.processes[process].server_time(call.deadline);
                self.send(Event::Delivery(index));
            }
            Reply::Counted { standing, .. } => {
                self.counted(index, standing);
            }
            Reply::Taken { taken, .. } => self.taken(index, taken),
        }
    }

    pub(crate) fn counted(&mut self, index: usize, standing: SharedStanding) {
        let call = &mut self.calls[index];
        call.is_over = true;
        let (process, policy) = (call.process, call.policy);
        let tickets = std::mem::take(&mut call.tickets);
        let Message::AddUsage { day, permits, then } = call.message.clone() else { return };
        let calling = &mut self.processes[process];
        let now = calling.clock.now(self.now);
        calling.node.counted(day, permits);
        calling.node.reported(standing, now);
        let take = calling.node.begin_call(&policy, now, then.into_runs());
        let known = calling.node.known().copied();
        self.send_new(process, policy, tickets, Message::Take(take), (known, now));
    }

    pub(crate) fn taken(&mut self, index: usize, mut taken: SharedTaken) {
        let call = &mut self.calls[index];
        call.is_over = true;
        let (process, policy, mut begun_at) = (call.process, call.policy, call.begun_at);
        let tickets = std::mem::take(&mut call.tickets);
        let Message::Take(take) = call.message.clone() else { return };
        let calling = &mut self.processes[process];
        let now = calling.clock.now(self.now);
        match self.plan.defect {
            Some(Defect::NoMargin) => {
                if let Some(lease) = &mut taken.lease {
                    lease.lifetime = lease.lifetime * 10 / 9;
                }
            }
            Some(Defect::TimeFromAnswer) => begun_at = now,
            _ => {}
        }
        let (lease, standing) = (taken.lease, taken.standing);
        let answer = calling.node.answered(&policy, (begun_at, now), &take, taken);
        if let Some(lease) = lease {
            self.hoard(process, &lease, (begun_at, standing.at));
        }
        for ticket in tickets {
            self.outcome(process, &policy, ticket, &answer);
        }
        self.finish(process);
    }

    /// A caller has its answer.
    pub(crate) fn outcome(
        &mut self,
        process: usize,
        policy: &LimitPolicy,
        ticket: Ticket,
        answer: &Answer,
    ) {
        let answered = &mut self.processes[process];
        let now = answered.clock.now(self.now);
        self.checks.totals.answered += 1;
        match answered.node.outcome(policy, now, ticket, answer) {
            Some(outcome) if outcome.is_allowed() => {
                answered.admitted += u64::from(ticket.permits);
                let effective = self.effective();
                self.checks.arrived(effective, ticket.permits.into());
            }
            Some(_) => {}
            None => self.checks.fail(self.now, "an answer makes no sense"),
        }
    }

    /// If callers wait, they are served by what the last answer brought, or the next call begins.
    pub(crate) fn finish(&mut self, process: usize) {
        let policy = self.policy();
        let finished = &mut self.processes[process];
        finished.under_way = None;
        if finished.waiting.is_empty() {
            return;
        }
        let now = finished.clock.now(self.now);
        let Some(answer) = finished.node.try_take_batch(&policy, now, &finished.batch) else {
            return self.begin_call(process);
        };
        finished.batch = Batch::default();
        for ticket in std::mem::take(&mut finished.waiting) {
            if ticket.is_granted(answer.granted()) {
                if let Some(hoard) = &mut self.processes[process].hoard {
                    hoard.permits = hoard.permits.saturating_sub(ticket.permits);
                }
                let (effective, day) = (self.effective(), self.day());
                self.checks.decided(effective, day, ticket.permits.into());
            }
            self.outcome(process, &policy, ticket, &answer);
        }
    }

    pub(crate) fn fail(&mut self, index: usize) {
        let call = &mut self.calls[index];
        if call.is_over {
            return;
        }
        call.is_over = true;
        let (process, policy) = (call.process, call.policy);
        let mut tickets = std::mem::take(&mut call.tickets);
        let calling = &mut self.processes[process];
        let now = calling.clock.now(self.now);
        let nothing = SharedTake::default();
        let take = if let Message::Take(take) = &call.message { take } else { &nothing };
        calling.node.failed(now, take);
        calling.under_way = None;
        // The next callers have waited as long.
        tickets.append(&mut calling.waiting);
        calling.batch = Batch::default();
        self.connect(process);
        for ticket in tickets {
            self.take_locally(process, &policy, ticket.permits);
        }
    }

    pub(crate) fn give_up(&mut self, index: usize) {
        let call = &mut self.calls[index];
        if call.is_over {
            return;
        }
        call.is_over = true;
        let process = call.process;
        self.checks.totals.answered += call.tickets.len() as u64;
        let calling = &mut self.processes[process];
        let now = calling.clock.now(self.now);
        if let Message::Take(take) = &call.message {
            calling.node.abandoned(now, take);
        }
        self.finish(process);
    }
}
