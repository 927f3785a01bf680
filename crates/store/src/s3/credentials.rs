//! Which credentials are used.

use std::sync::{Arc, Mutex, PoisonError};

use aws_credential_types::Credentials;
use aws_credential_types::credential_feature::AwsCredentialFeature as Feature;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};

use crate::StoreError;
use crate::error::causes;

/// The standard chain, which says in the log what it found when that is new.
#[derive(Clone, Debug)]
pub(super) struct ToldCredentials {
    chain: SharedCredentialsProvider,
    told: Arc<Mutex<Option<&'static str>>>,
}

impl ToldCredentials {
    pub(super) fn new(chain: SharedCredentialsProvider) -> Self {
        let told = Arc::default();
        Self { chain, told }
    }

    /// Asks once, so that a lack of credentials is told as such.
    pub(super) async fn try_out(&self, place: &str) -> Result<(), StoreError> {
        let place = place.to_owned();
        match self.provide_credentials().await {
            Ok(_) => Ok(()),
            Err(error @ CredentialsError::CredentialsNotLoaded(_)) => {
                let tried = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile, or give the task or pod a role";
                let reason = format!("{}; {tried}", causes(&error));
                Err(StoreError::NoCredentials { place, reason })
            }
            Err(error) => {
                let reason = causes(&error);
                Err(StoreError::NoCredentials { place, reason })
            }
        }
    }

    fn tell(&self, credentials: &Credentials) {
        let provider = provider(credentials);
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if *told == Some(provider) {
            tracing::debug!(provider, "AWS credentials renewed");
        } else {
            tracing::info!(provider, "AWS credentials found");
            *told = Some(provider);
        }
    }
}

impl ProvideCredentials for ToldCredentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async move {
            let credentials = self.chain.provide_credentials().await?;
            self.tell(&credentials);
            Ok(credentials)
        })
    }
}

/// Where credentials come from, in words. A role assumed with others is told as the role.
fn provider(credentials: &Credentials) -> &'static str {
    let features = credentials.get_property::<Vec<Feature>>();
    let has = |feature: &Feature| features.is_some_and(|features| features.contains(feature));
    let known = [
        (
            Feature::CredentialsStsAssumeRoleWebId,
            "web identity (IRSA)",
        ),
        (
            Feature::CredentialsProfileStsWebIdToken,
            "web identity (IRSA)",
        ),
        (
            Feature::CredentialsEnvVarsStsWebIdToken,
            "web identity (IRSA)",
        ),
        (
            Feature::CredentialsStsAssumeRole,
            "assumed role of a profile",
        ),
        (
            Feature::CredentialsHttp,
            "container (ECS task role or EKS Pod Identity)",
        ),
        (Feature::CredentialsImds, "instance (EC2 metadata)"),
        (Feature::CredentialsSso, "single sign-on of a profile"),
        (Feature::CredentialsEnvVars, "environment"),
        (Feature::CredentialsProcess, "process of a profile"),
        (Feature::CredentialsProfile, "profile"),
    ];
    let found = known.into_iter().find(|(feature, _)| has(feature));
    match found {
        // The SDK does not mark a role that a profile assumes; but keys in a file have no end.
        Some((Feature::CredentialsProfile, _)) if credentials.expiry().is_some() => {
            "assumed role of a profile"
        }
        Some((_, name)) => name,
        None => "other",
    }
}
