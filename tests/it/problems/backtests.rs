//! Requests that provoke each code of backtests.

use almanac::call::CallCode;
use almanac::http::Code;
use serde_json::{Value, json};

use super::provoke::{Provocation, provoke};
use crate::support::TestApp;

/// Sends requests to a service with small limits that end in `code`.
pub(super) async fn provocations(app: &TestApp, code: Code) -> Vec<Provocation> {
    match code {
        Code::Call(CallCode::InvalidWindows) => {
            let calibrated = json!({"windows": 1, "calibrate": true});
            post(app, [json!({"windows": 0}), calibrated]).await
        }
        Code::Call(CallCode::TooManyWindows) => post(app, [json!({"windows": 9})]).await,
        Code::Call(CallCode::InvalidStep) => {
            post(app, [json!({"step": 0}), json!({"step": 21})]).await
        }
        Code::Call(CallCode::BacktestTooLarge) => post(app, [json!({"windows": 5})]).await,
        other => unreachable!("{other:?} is not about backtests"),
    }
}

/// Posts a backtest with each of `fields`.
async fn post<const N: usize>(app: &TestApp, fields: [Value; N]) -> Vec<Provocation> {
    let mut provocations = Vec::new();
    for fields in fields {
        let mut body = json!({"values": [1, 2, 3, 4], "horizon": 2});
        let fields = fields.as_object().unwrap().clone();
        body.as_object_mut().unwrap().extend(fields);
        let answer = app.post("/backtest", "application/json", body.to_string());
        provocations.push(provoke(format!("POST /backtest {body}"), answer).await);
    }
    provocations
}
