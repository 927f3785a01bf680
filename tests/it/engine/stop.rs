//! Stopping a run of ONNX Runtime.

use almanac::config::Config;
use almanac_model::onnx::OnnxModel;
use almanac_model::{Batch, Bundle, Forecaster as _};
use almanac_store::embedded::Embedded;

use super::request;

#[test]
fn a_stopped_session_fails_and_runs_again_once_it_is_reset() {
    let runtime = almanac::app::runtime(&Config::default()).unwrap();
    let bundle = Bundle::verify(Embedded::files("almanac", "1").unwrap()).unwrap();
    let mut session = OnnxModel::new(runtime, bundle.clone()).open(1).unwrap();
    let request = request(7.0, 50, 3, &[]);
    let batch = Batch::pack(&bundle.manifest, &[&request]);
    let before = session.predict(&batch).unwrap();
    let stop = session.stop().unwrap();

    stop.stop();
    let error = session.predict(&batch).unwrap_err().to_string();
    assert!(error.contains("terminate flag"), "{error}");

    stop.reset();
    assert_eq!(session.predict(&batch).unwrap(), before);
}
