//! Errors that only HTTP answers with, as problems: commands to the keeper of the models, and the models
//! of a host. No wildcard arm: a new variant must be given a code.

use std::time::Duration;

use almanac_engine::registry::{CommandError, HostError};

use crate::call::CallCode;
use crate::http::problem::{Code, Problem};

/// The minimum time before a refused client should retry.
const RETRY_SOON: Duration = Duration::from_secs(1);

impl From<CommandError> for Problem {
    fn from(error: CommandError) -> Self {
        let detail = error.to_string();
        match error {
            CommandError::UnknownModel { name, available } => {
                Self::new(CallCode::UnknownModel, detail)
                    .received(name)
                    .expected(available)
            }
            CommandError::UnknownVersion {
                version, available, ..
            } => Self::new(CallCode::UnknownVersion, detail)
                .received(version)
                .expected(available),
            CommandError::UnknownAlias {
                alias, available, ..
            } => Self::new(CallCode::UnknownVersion, detail)
                .received(alias)
                .expected(available),
            CommandError::TooManyAliases { limit, .. } => {
                Self::new(Code::TooManyAliases, detail).limit(limit)
            }
            CommandError::InUse { name, .. } => Self::new(Code::ModelInUse, detail).received(name),
            CommandError::ShuttingDown => {
                Self::new(CallCode::ShuttingDown, detail).retry_after(RETRY_SOON)
            }
        }
    }
}

impl From<HostError> for Problem {
    fn from(error: HostError) -> Self {
        let detail = error.to_string();
        match error {
            HostError::Name { name } | HostError::Taken { name, .. } => {
                Self::new(Code::InvalidModelName, detail)
                    .at("/model_name")
                    .received(name)
            }
            HostError::Loaded { name } => Self::new(Code::ModelLoaded, detail).received(name),
            HostError::NotLoaded { name } => {
                Self::new(CallCode::UnknownModel, detail).received(name)
            }
            HostError::TooMany { limit } => Self::new(Code::NoRoom, detail).limit(limit),
            HostError::NoMemory { needed, limit, .. } => Self::new(Code::NoRoom, detail)
                .limit(limit)
                .received(needed),
            // A thread, or what it needs, is a resource too.
            HostError::Thread(_) => Self::new(Code::NoRoom, detail),
            HostError::Place(_) => Self::new(Code::InvalidModel, detail).at("/url"),
            HostError::Refused { .. } => Self::new(Code::InvalidModel, detail),
            HostError::Unready { .. } => Self::new(CallCode::ModelFailed, detail),
            HostError::Unloaded { name } => {
                Self::new(CallCode::UnknownModel, detail).received(name)
            }
            HostError::ShuttingDown => {
                Self::new(CallCode::ShuttingDown, detail).retry_after(RETRY_SOON)
            }
        }
    }
}
