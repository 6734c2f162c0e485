use dualkey_limit::Standing;
use dualkey_store::ApiKey;

use crate::verifier::Verifier;

impl Verifier {
    /// What is left of the limits of the partner with this key, as this process counts them. It reads memory
    /// only, and charges nothing. `None` if this process has not looked up the partner since it started.
    ///
    /// ```
    /// use dualkey_testing::Fixture;
    ///
    /// # pollster::block_on(async {
    /// let fixture = Fixture::new();
    /// let (verifier, key) = (fixture.gate.verifier(), &fixture.partner.api_key);
    /// assert!(verifier.standing(key).is_none());
    ///
    /// verifier.verify(&fixture.headers(), &fixture.require("guests:read")).await.unwrap();
    /// assert_eq!(verifier.standing(key).unwrap().burst_remaining(), 9);
    /// # });
    /// ```
    #[must_use]
    pub fn standing(&self, api_key: &ApiKey) -> Option<Standing> {
        self.decider.cache.standing(api_key, self.now())
    }
}
