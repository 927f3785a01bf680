//! The CPU plan: the CPU time available to this process, and the sizes of its thread pools.
//!
//! The limit of a container is often a fraction of a core, on a host with many cores. Thread pools
//! sized for the host are throttled to a standstill, so every pool is sized from this plan.

mod cgroup;

use std::fmt;
use std::path::Path;
use std::time::Duration;

use prometheus::{Gauge, IntGauge, Opts, Registry};
use serde::Deserialize;

/// The source of the number of available cores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CoresSource {
    /// The configuration.
    Configured,
    /// The cores that this process may be scheduled on: its `cpuset`, its affinity, or all cores of
    /// the machine.
    Affinity,
    /// The quota of a cgroup, version 1 or 2.
    CgroupQuota,
    /// The limit of the ECS task.
    EcsLimit,
}

/// The CPU limits of this process, as detected on the system.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CpuLimits {
    /// The number of cores that this process may be scheduled on.
    pub affinity: usize,
    /// The quota of the cgroup, in cores.
    pub cgroup_quota: Option<f64>,
    /// The limit of the ECS task, in cores.
    pub ecs_limit: Option<f64>,
}

/// The number of threads of each pool.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CpuPlan {
    /// The CPU time that this process may use, in cores; may be a fraction.
    pub cores: f64,
    /// The source of the number of cores.
    pub bound: CoresSource,
    /// The number of threads of the async runtime, which parse requests, write responses and answer
    /// health checks.
    pub runtime_threads: usize,
    /// The number of sessions of each model, each with its own worker thread.
    pub workers: usize,
    /// The number of threads inside each session.
    pub session_threads: usize,
}

/// The parts of the plan that the configuration sets.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CpuOverrides {
    /// The number of cores to plan for.
    pub cores: Option<f64>,
    /// The number of sessions of each model.
    pub workers: Option<usize>,
    /// The number of threads inside each session.
    pub session_threads: Option<usize>,
}

impl CpuLimits {
    /// Detects the limits of this process: its affinity, its cgroups, and the ECS task at
    /// `ecs_metadata`, the value of `ECS_CONTAINER_METADATA_URI_V4`.
    ///
    /// A limit that cannot be read is ignored.
    #[must_use]
    pub fn detect(ecs_metadata: Option<&str>) -> Self {
        Self {
            affinity: affinity(Path::new("/")),
            cgroup_quota: cgroup::quota(Path::new("/")),
            ecs_limit: ecs_metadata.and_then(ecs_limit),
        }
    }

    /// Returns the lowest limit and its source.
    fn lowest(self) -> (f64, CoresSource) {
        [
            (Some(self.affinity as f64), CoresSource::Affinity),
            (self.cgroup_quota, CoresSource::CgroupQuota),
            (self.ecs_limit, CoresSource::EcsLimit),
        ]
        .into_iter()
        .filter_map(|(cores, source)| Some((cores.filter(|cores| *cores > 0.0)?, source)))
        .min_by(|left, right| left.0.total_cmp(&right.0))
        .unwrap_or((1.0, CoresSource::Affinity))
    }
}

impl CpuPlan {
    /// Creates the plan for `limits`.
    ///
    /// There is one session per whole core, each with a single thread, so that batches run in
    /// parallel and none waits for its own threads. The runtime has half as many threads, since its
    /// work is small compared to that of the models. A fraction of a core has one thread of each
    /// kind.
    #[must_use]
    pub fn new(limits: CpuLimits, overrides: CpuOverrides) -> Self {
        let (cores, bound) = match overrides.cores {
            Some(cores) => (cores, CoresSource::Configured),
            None => limits.lowest(),
        };
        let whole = whole_cores(cores);
        let session_threads = overrides.session_threads.unwrap_or(1);
        Self {
            cores,
            bound,
            runtime_threads: whole.div_ceil(2),
            workers: overrides
                .workers
                .unwrap_or_else(|| (whole / session_threads).max(1)),
            session_threads,
        }
    }

    /// Exports the plan as metrics in `registry`.
    ///
    /// # Errors
    /// Returns an error if the registry already has a metric with the same name.
    pub fn export(&self, registry: &Registry) -> prometheus::Result<()> {
        let cores = Gauge::with_opts(
            Opts::new("almanac_cpu_cores", "CPU time available, in cores.")
                .const_label("bound", self.bound.to_string()),
        )?;
        cores.set(self.cores);
        registry.register(Box::new(cores))?;
        for (name, help, value) in [
            (
                "almanac_cpu_runtime_threads",
                "Threads of the async runtime.",
                self.runtime_threads,
            ),
            (
                "almanac_cpu_workers",
                "Sessions of each model.",
                self.workers,
            ),
            (
                "almanac_cpu_session_threads",
                "Threads of each session.",
                self.session_threads,
            ),
        ] {
            let gauge = IntGauge::new(name, help)?;
            gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
            registry.register(Box::new(gauge))?;
        }
        Ok(())
    }
}

impl fmt::Display for CoresSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Configured => "configured",
            Self::Affinity => "affinity",
            Self::CgroupQuota => "cgroup_quota",
            Self::EcsLimit => "ecs_limit",
        })
    }
}

/// Returns `cores` rounded down, and at least 1.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float cast saturates, and the range is bounded first"
)]
fn whole_cores(cores: f64) -> usize {
    cores.clamp(1.0, 4_096.0) as usize
}

/// Returns the number of cores in the affinity mask of this process, which `cpuset` restricts too.
///
/// The count of the standard library is only a fallback: it also applies the quota, but rounds it
/// down to whole cores, and the fraction matters here.
fn affinity(root: &Path) -> usize {
    let status = std::fs::read_to_string(root.join("proc/self/status")).unwrap_or_default();
    status
        .lines()
        .find_map(|line| line.strip_prefix("Cpus_allowed_list:"))
        .and_then(count_listed)
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, Into::into))
}

/// Returns the number of cores in a list such as `0-3,8`.
fn count_listed(list: &str) -> Option<usize> {
    let count = |range: &str| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        (last.parse::<usize>().ok()? + 1).checked_sub(first.parse().ok()?)
    };
    list.trim().split(',').map(count).sum()
}

/// The response of the ECS agent about a task. The unit of its CPU limit is cores; that of a
/// container would be 1,024ths of a core.
#[derive(Deserialize)]
struct EcsTask {
    #[serde(rename = "Limits")]
    limits: Option<EcsLimits>,
}

#[derive(Deserialize)]
struct EcsLimits {
    #[serde(rename = "CPU")]
    cpu: Option<f64>,
}

/// Returns the limit of the task. The `cpu` of a container is a weight relative to its neighbours
/// and not a limit, so it is not requested.
fn ecs_limit(metadata: &str) -> Option<f64> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(Duration::from_secs(1)))
        // The address of the agent is local to the task.
        .proxy(None)
        .build()
        .into();
    let body = agent
        .get(format!("{metadata}/task"))
        .call()
        .ok()?
        .body_mut()
        .read_to_vec()
        .ok()?;
    serde_json::from_slice::<EcsTask>(&body).ok()?.limits?.cpu
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNLIMITED: CpuLimits = CpuLimits {
        affinity: 8,
        cgroup_quota: None,
        ecs_limit: None,
    };

    #[track_caller]
    fn check(limits: CpuLimits, expected: (f64, CoresSource, usize, usize)) {
        let plan = CpuPlan::new(limits, CpuOverrides::default());
        assert_eq!(
            (plan.cores, plan.bound, plan.runtime_threads, plan.workers),
            expected
        );
    }

    #[test]
    fn a_quarter_of_a_core_gets_one_thread_of_each_kind() {
        check(
            CpuLimits {
                cgroup_quota: Some(0.25),
                ..UNLIMITED
            },
            (0.25, CoresSource::CgroupQuota, 1, 1),
        );
    }

    #[test]
    fn the_lowest_limit_applies() {
        check(UNLIMITED, (8.0, CoresSource::Affinity, 4, 8));
        check(
            CpuLimits {
                cgroup_quota: Some(4.0),
                ecs_limit: Some(2.0),
                ..UNLIMITED
            },
            (2.0, CoresSource::EcsLimit, 1, 2),
        );
        check(
            CpuLimits {
                cgroup_quota: Some(32.0),
                ..UNLIMITED
            },
            (8.0, CoresSource::Affinity, 4, 8),
        );
    }

    #[test]
    fn configuration_overrides_the_detected_limits() {
        let overrides = CpuOverrides {
            cores: Some(3.5),
            workers: None,
            session_threads: Some(2),
        };
        let plan = CpuPlan::new(UNLIMITED, overrides);
        assert_eq!(plan.bound, CoresSource::Configured);
        assert_eq!(
            (plan.runtime_threads, plan.workers, plan.session_threads),
            (2, 1, 2)
        );
    }

    #[test]
    fn counts_the_cores_of_an_affinity_list() {
        assert_eq!(count_listed("\t0-3,8\n"), Some(5));
        assert_eq!(count_listed("2"), Some(1));
        assert_eq!(count_listed("none"), None);
    }

    /// The response is the example that the ECS agent documents for `/task`, version 4.
    #[test]
    fn reads_the_limit_of_an_ecs_task() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let agent = std::thread::spawn(move || {
            use std::io::{BufRead, BufReader, Write};
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = String::new();
            BufReader::new(stream.try_clone().unwrap())
                .read_line(&mut request)
                .unwrap();
            let body = r#"{"Cluster":"c","Limits":{"CPU":0.5,"Memory":1024},"Containers":[]}"#;
            let length = body.len();
            write!(
                stream,
                "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}"
            )
            .unwrap();
            request
        });
        assert_eq!(ecs_limit(&format!("http://{address}/v4/abc")), Some(0.5));
        assert_eq!(
            agent.join().unwrap().trim_end(),
            "GET /v4/abc/task HTTP/1.1"
        );
    }
}
