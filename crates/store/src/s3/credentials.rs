//! The AWS credentials that are used.

use std::sync::{Arc, Mutex, PoisonError};

use aws_credential_types::Credentials;
use aws_credential_types::credential_feature::AwsCredentialFeature as Feature;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};

use crate::StoreError;
use crate::error::error_chain;

/// The standard chain of credential providers, which logs the provider when it changes.
#[derive(Clone, Debug)]
pub(super) struct LoggedCredentials {
    chain: SharedCredentialsProvider,
    logged: Arc<Mutex<Option<&'static str>>>,
}

impl LoggedCredentials {
    pub(super) fn new(chain: SharedCredentialsProvider) -> Self {
        let logged = Arc::default();
        Self { chain, logged }
    }

    /// Requests credentials once, so that their absence is reported as such instead of as a failed
    /// request.
    pub(super) async fn check(&self, location: &str) -> Result<(), StoreError> {
        let location = location.to_owned();
        match self.provide_credentials().await {
            Ok(_) => Ok(()),
            Err(error @ CredentialsError::CredentialsNotLoaded(_)) => {
                let advice = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile, or give the task or pod a role";
                let reason = format!("{}; {advice}", error_chain(&error));
                Err(StoreError::NoCredentials { location, reason })
            }
            Err(error) => {
                let reason = error_chain(&error);
                Err(StoreError::NoCredentials { location, reason })
            }
        }
    }

    fn log(&self, credentials: &Credentials) {
        let provider = provider_name(credentials);
        let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        if *logged == Some(provider) {
            tracing::debug!(provider, "AWS credentials renewed");
        } else {
            tracing::info!(provider, "AWS credentials found");
            *logged = Some(provider);
        }
    }
}

impl ProvideCredentials for LoggedCredentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async move {
            let credentials = self.chain.provide_credentials().await?;
            self.log(&credentials);
            Ok(credentials)
        })
    }
}

/// Returns the name of the provider of the credentials. A role that was assumed with other
/// credentials is reported as the role.
fn provider_name(credentials: &Credentials) -> &'static str {
    let features = credentials.get_property::<Vec<Feature>>();
    let has = |feature: &Feature| features.is_some_and(|features| features.contains(feature));
    let providers = [
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
    match providers.into_iter().find(|(feature, _)| has(feature)) {
        // The SDK does not mark a role that a profile assumes, but keys in a file do not expire.
        Some((Feature::CredentialsProfile, _)) if credentials.expiry().is_some() => {
            "assumed role of a profile"
        }
        Some((_, name)) => name,
        None => "other",
    }
}
