use dualkey::{ApiKey, Partner, PartnerId, Rate, Registry, StoreError};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::output::Show;
use crate::times::{brief, to_jiff};

/// A partner as commands show it.
#[derive(Serialize)]
pub(crate) struct PartnerView {
    id: PartnerId,
    name: String,
    key: ApiKey,
    /// Requests per second.
    rate: Value,
    burst: u32,
    daily: Option<u32>,
    enabled: bool,
    created: Timestamp,
    used_today: u64,
}

impl PartnerView {
    pub(crate) fn new(partner: Partner, used_today: u64) -> Self {
        let Partner { id, name, api_key, policy, enabled, created_at } = partner;
        Self {
            id,
            name,
            key: api_key,
            rate: per_second(policy.rate()),
            burst: policy.burst().get(),
            daily: policy.daily().map(Into::into),
            enabled,
            created: to_jiff(created_at),
            used_today,
        }
    }

    /// Adds the usage of today from the store.
    pub(crate) async fn of(partner: Partner, registry: &Registry) -> Result<Self, StoreError> {
        let today = partner.policy.day(registry.clock().now());
        let used_today = registry.store().usage(partner.id, today).await?;
        Ok(Self::new(partner, used_today))
    }
}

/// The rate per second: an integer if it is whole. Other programs may set rates of other periods.
fn per_second(rate: Rate) -> Value {
    let (permits, seconds) = (rate.permits().get(), rate.period().as_secs());
    if u64::from(permits).is_multiple_of(seconds) {
        (u64::from(permits) / seconds).into()
    } else {
        (f64::from(permits) / rate.period().as_secs_f64()).into()
    }
}

impl Show for PartnerView {
    const HEADINGS: &'static [&'static str] =
        &["KEY", "NAME", "RATE", "BURST", "DAILY", "USED TODAY", "ENABLED", "CREATED", "ID"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.key.to_string(),
            self.name.clone(),
            self.rate.to_string(),
            self.burst.to_string(),
            self.daily.map_or_else(|| "none".to_owned(), |daily| daily.to_string()),
            self.used_today.to_string(),
            if self.enabled { "yes" } else { "no" }.to_owned(),
            brief(Some(self.created)),
            self.id.to_string(),
        ]
    }
}
