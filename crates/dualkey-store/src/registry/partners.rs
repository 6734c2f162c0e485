use std::collections::{BTreeSet, HashMap};

use dualkey_limit::LimitPolicy;
use dualkey_token::PlainToken;
use rand::rngs::SysRng;
use rand::{RngExt as _, distr::Alphanumeric, rand_core::UnwrapErr};

use super::{Registry, check_name};
use crate::{
    ApiKey, AuditAction, AuditTarget, InsertOutcome, LimitsChange, LimitsOutcome, NewPartner,
    Partner, PartnerId, RegistryError,
};

impl Registry {
    /// Registers a partner, with the given key or a random one.
    ///
    /// # Errors
    ///
    /// The name or the limits are invalid, the key is a token or belongs to another partner, or the store
    /// failed.
    pub async fn register_partner(&self, partner: NewPartner) -> Result<Partner, RegistryError> {
        let NewPartner { name, policy, api_key } = partner;
        check_name(&name)?;
        let policy = policy.validated()?;
        let api_key = api_key.unwrap_or_else(random_api_key);
        if PlainToken::parse(&self.prefix, api_key.as_str()).is_ok() {
            return Err(RegistryError::TokenAsApiKey);
        }
        let created_at = self.now();
        let id = PartnerId::new_at(created_at);
        let partner = Partner { id, name, api_key, policy, enabled: true, created_at };
        let subject = AuditTarget::Partner { id };
        let entry = self.audit_entry(AuditAction::PartnerRegistered, subject, partner.name.clone());
        match self.store.insert_partner(partner.clone(), entry).await? {
            InsertOutcome::Inserted => Ok(partner),
            InsertOutcome::Refused => Err(RegistryError::ApiKeyTaken),
        }
    }

    /// All partners, oldest first.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn partners(&self) -> Result<Vec<Partner>, RegistryError> {
        Ok(self.store.partners().await?)
    }

    /// The partner with this key.
    ///
    /// # Errors
    ///
    /// There is no such partner, or the store failed.
    pub async fn partner(&self, api_key: &ApiKey) -> Result<Partner, RegistryError> {
        self.store.partner_by_key(api_key).await?.ok_or(RegistryError::NotFound)
    }

    /// All partners, oldest first, each with the permits that it used on the current day in its UTC offset.
    /// Permits that a verifier has not written to the store yet are missing.
    ///
    /// ```
    /// use dualkey_store::{DailyUsage, NewPartner};
    /// # use dualkey_scope::Catalogue;
    /// # use dualkey_store::Registry;
    /// # use dualkey_token::Prefix;
    ///
    /// # pollster::block_on(async {
    /// # let catalogue = Catalogue::builder().scope("guests:read", "Guests - Read").build()?;
    /// # let registry = Registry::in_memory(catalogue, Prefix::new("gw"));
    /// let partner = registry.register_partner(NewPartner::new("Zapier")).await?;
    /// assert_eq!(registry.partners_with_usage().await?, [(partner.clone(), 0)]);
    ///
    /// let day = partner.policy.day(registry.clock().now());
    /// registry.store().add_usage(&[DailyUsage { partner: partner.id, day, permits: 3 }]).await?;
    /// assert_eq!(registry.partners_with_usage().await?, [(partner, 3)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn partners_with_usage(&self) -> Result<Vec<(Partner, u64)>, RegistryError> {
        let partners = self.store.partners().await?;
        let now = self.now();
        // Partners have different UTC offsets, so the current day can differ between them.
        let days: BTreeSet<_> = partners.iter().map(|partner| partner.policy.day(now)).collect();
        let mut used = HashMap::new();
        for day in days {
            let usages = self.store.usage_on(day).await?;
            used.extend(usages.into_iter().map(|usage| ((usage.partner, day), usage.permits)));
        }
        let with_usage = |partner: Partner| {
            let today = (partner.id, partner.policy.day(now));
            (partner, used.get(&today).copied().unwrap_or(0))
        };
        Ok(partners.into_iter().map(with_usage).collect())
    }

    /// Changes all limits of the partner with this key. The permits in its bucket and the count of the
    /// current day stay.
    ///
    /// ```
    /// use dualkey_limit::LimitPolicy;
    /// use dualkey_store::{ApiKey, NewPartner, RegistryError};
    /// # use dualkey_scope::Catalogue;
    /// # use dualkey_store::Registry;
    /// # use dualkey_token::Prefix;
    ///
    /// # pollster::block_on(async {
    /// # let catalogue = Catalogue::builder().scope("guests:read", "Guests - Read").build()?;
    /// # let registry = Registry::in_memory(catalogue, Prefix::new("gw"));
    /// let partner = registry.register_partner(NewPartner::new("Zapier")).await?;
    /// let policy = LimitPolicy::default().without_daily();
    /// assert_eq!(registry.set_limits(&partner.api_key, policy).await?.policy, policy);
    ///
    /// let unknown = registry.set_limits(&ApiKey::parse("unknown-key")?, policy).await;
    /// assert!(matches!(unknown, Err(RegistryError::NotFound)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// There is no such partner, the limits are out of range, or the store failed.
    pub async fn set_limits(
        &self,
        api_key: &ApiKey,
        policy: LimitPolicy,
    ) -> Result<Partner, RegistryError> {
        self.change_limits(api_key, policy.into()).await
    }

    /// Changes some limits of the partner with this key, in one atomic step: concurrent changes of different
    /// limits all stay. The permits in its bucket and the count of the current day stay.
    ///
    /// ```
    /// use std::num::NonZeroU32;
    /// use dualkey_store::{LimitsChange, NewPartner, RegistryError};
    /// # use dualkey_scope::Catalogue;
    /// # use dualkey_store::Registry;
    /// # use dualkey_token::Prefix;
    ///
    /// # pollster::block_on(async {
    /// # let catalogue = Catalogue::builder().scope("guests:read", "Guests - Read").build()?;
    /// # let registry = Registry::in_memory(catalogue, Prefix::new("gw"));
    /// let partner = registry.register_partner(NewPartner::new("Zapier")).await?;
    /// let change = LimitsChange { burst: NonZeroU32::new(20), ..LimitsChange::default() };
    /// let changed = registry.change_limits(&partner.api_key, change).await?;
    /// assert_eq!(changed.policy.to_string(), "5 a second, burst 20, 10000 a day");
    ///
    /// let widest = LimitsChange { burst: Some(NonZeroU32::MAX), ..LimitsChange::default() };
    /// let refused = registry.change_limits(&partner.api_key, widest).await;
    /// assert!(matches!(refused, Err(RegistryError::InvalidPolicy(_))));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// There is no such partner, the new limits are out of range, or the store failed.
    pub async fn change_limits(
        &self,
        api_key: &ApiKey,
        change: LimitsChange,
    ) -> Result<Partner, RegistryError> {
        let id = self.partner(api_key).await?.id;
        let subject = AuditTarget::Partner { id };
        let entry = self.audit_entry(AuditAction::LimitsChanged, subject, String::new());
        match self.store.change_limits(id, change, entry).await? {
            LimitsOutcome::Changed(partner) => Ok(partner),
            LimitsOutcome::NotFound => Err(RegistryError::NotFound),
            LimitsOutcome::Invalid(error) => Err(error.into()),
        }
    }

    /// Enables or disables the key of a partner.
    ///
    /// ```
    /// # use dualkey_scope::Catalogue;
    /// # use dualkey_store::{NewPartner, Registry};
    /// # use dualkey_token::Prefix;
    /// # pollster::block_on(async {
    /// # let catalogue = Catalogue::builder().scope("guests:read", "Guests - Read").build()?;
    /// # let registry = Registry::in_memory(catalogue, Prefix::new("gw"));
    /// let partner = registry.register_partner(NewPartner::new("Zapier")).await?;
    /// registry.set_enabled(&partner.api_key, false).await?; // its requests are refused
    /// assert!(!registry.partner(&partner.api_key).await?.enabled);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// There is no such partner, or the store failed.
    pub async fn set_enabled(
        &self,
        api_key: &ApiKey,
        enabled: bool,
    ) -> Result<Partner, RegistryError> {
        let id = self.partner(api_key).await?.id;
        let action =
            if enabled { AuditAction::PartnerEnabled } else { AuditAction::PartnerDisabled };
        let entry = self.audit_entry(action, AuditTarget::Partner { id }, String::new());
        self.store.set_enabled(id, enabled, entry).await?.ok_or(RegistryError::NotFound)
    }
}

/// 16 random letters and digits: 95 bits, enough that two random keys do not collide.
fn random_api_key() -> ApiKey {
    let text = Vec::from_iter(UnwrapErr(SysRng).sample_iter(Alphanumeric).take(16));
    ApiKey::parse(text).expect("16 letters and digits are a well-formed key")
}
