use catalog_core::{
    Basis, CatalogStore, Digest, Manifest, ModelFetcher, VerificationOutcome,
    VerificationOutcomeKind, verify_digest,
};

use super::call::Call;
use crate::error::{ProvisionError, Result};
use crate::means::Proof;
use crate::policy::OnMismatch;

/// How staged bytes compare with what was expected of them.
pub(super) struct Judgement {
    pub(super) outcome: VerificationOutcome,
    pub(super) proof: Proof,
    /// What they are; none if something else was expected.
    pub(super) digest: Option<Digest>,
}

impl<C: CatalogStore, F: ModelFetcher> Call<'_, C, F> {
    /// The digest that bytes must have to get into the store at all.
    pub(super) fn to_enforce(&self, expected: Option<&Digest>) -> Option<Digest> {
        // Digests of other algorithms are compared while the bytes are staged, or never.
        let is_comparable = |digest: &Digest| ["sha256", "sha256-tree"].contains(&&*digest.algo);
        expected
            .filter(|digest| self.policy.on_mismatch == OnMismatch::Fail || !is_comparable(digest))
            .cloned()
    }

    /// Fails early if nothing is going to prove it, and the policy wants proof.
    pub(super) fn check_will_be_proved(&self, expected: Option<&Digest>) -> Result<()> {
        match (expected, self.policy.unverified_refusal()) {
            (None, Some(refusal)) => Err(ProvisionError::refused(self.id(), refusal)),
            _ => Ok(()),
        }
    }

    /// Compares staged bytes with what was expected of them.
    pub(super) fn judge(
        &self,
        manifest: &Manifest,
        expected: Option<Digest>,
        stated: Basis,
    ) -> Result<Judgement> {
        let judged = |outcome, proof| Judgement {
            outcome,
            proof,
            digest: Some(manifest.digest.clone()),
        };
        let passed = VerificationOutcome {
            kind: VerificationOutcomeKind::Pass,
            reason: None,
        };
        if let Some(expected) = expected {
            let proof = match self.is_digest_given {
                true => Proof::CallersDigest,
                false => Proof::PinnedDigest,
            };
            // Enforced already, but for the policy that warns only.
            if self.to_enforce(Some(&expected)).is_some()
                || [&manifest.digest, &manifest.tree_digest()].contains(&&expected)
            {
                return Ok(judged(passed, proof));
            }
            let compared = verify_digest(Some(&manifest.digest), Some(&expected));
            return Ok(Judgement {
                digest: None,
                ..judged(self.warn_of(compared.reason), Proof::Nothing)
            });
        }
        match stated {
            Basis::SourceHash | Basis::Pin | Basis::Caller => {
                Ok(judged(passed, Proof::SourceHashes))
            }
            Basis::Sizes | Basis::SourceChecksum => Ok(judged(self.unverified()?, Proof::SizeOnly)),
            _ => Ok(judged(self.unverified()?, Proof::Nothing)),
        }
    }

    /// The outcome of a mismatch that the policy lets through.
    pub(super) fn warn_of(&self, reason: Option<String>) -> VerificationOutcome {
        let id = self.id().as_str();
        let said = reason.as_deref().unwrap_or_default();
        tracing::warn!(id, reason = said, "artifact is not what was expected of it");
        VerificationOutcome {
            kind: VerificationOutcomeKind::Warn,
            reason,
        }
    }

    /// The outcome for a model that nothing proves, if the policy allows it.
    pub(super) fn unverified(&self) -> Result<VerificationOutcome> {
        if let Some(refusal) = self.policy.unverified_refusal() {
            return Err(ProvisionError::refused(self.id(), refusal));
        }
        tracing::warn!(
            id = self.id().as_str(),
            "artifact is unverified: no digest was given for it, so its bytes are taken on trust"
        );
        Ok(verify_digest(None, None))
    }
}
