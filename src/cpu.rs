//! The CPU plan: how much processor this process may use, and how many threads that makes.
//!
//! A container's limit is often a fraction of a core, and the host has many cores. Pools sized from
//! the host are throttled to a standstill, so every pool here is sized from this plan.

mod cgroup;

use std::fmt;
use std::path::Path;
use std::time::Duration;

use prometheus::{Gauge, IntGauge, Opts, Registry};
use serde::Deserialize;

/// Where the number of usable cores comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// Configuration.
    Configured,
    /// The cores this process may be scheduled on (`cpuset`, affinity, or all of the machine).
    Affinity,
    /// The quota of a cgroup, version 1 or 2.
    CgroupQuota,
    /// The limit of an ECS task or container.
    EcsLimit,
}

/// What limits this process, as found on the system.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CpuLimits {
    /// Cores this process may be scheduled on.
    pub affinity: usize,
    /// Cores' worth of time a cgroup grants.
    pub cgroup_quota: Option<f64>,
    /// Cores' worth of time the ECS task or container is limited to.
    pub ecs_limit: Option<f64>,
}

/// How many threads each pool gets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CpuPlan {
    /// Cores' worth of time this process may use; may be a fraction.
    pub cores: f64,
    /// What that number comes from.
    pub bound: Bound,
    /// Threads of the async runtime, which parse, write and answer health checks.
    pub runtime_threads: usize,
    /// Sessions of each model, each with a worker thread of its own.
    pub workers: usize,
    /// Threads inside each session.
    pub session_threads: usize,
}

/// Parts of the plan that configuration sets.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CpuOverrides {
    /// Cores to plan for.
    pub cores: Option<f64>,
    /// Sessions of each model.
    pub workers: Option<usize>,
    /// Threads inside each session.
    pub session_threads: Option<usize>,
}

impl CpuLimits {
    /// What limits this process: its affinity, its cgroups, and the ECS task at `ecs_metadata`
    /// (the value of `ECS_CONTAINER_METADATA_URI_V4`).
    ///
    /// What cannot be read does not limit.
    #[must_use]
    pub fn detect(ecs_metadata: Option<&str>) -> Self {
        Self {
            affinity: affinity(Path::new("/")),
            cgroup_quota: cgroup::quota(Path::new("/")),
            ecs_limit: ecs_metadata.and_then(ecs_limit),
        }
    }

    fn tightest(self) -> (f64, Bound) {
        let all = [
            (Some(self.affinity as f64), Bound::Affinity),
            (self.cgroup_quota, Bound::CgroupQuota),
            (self.ecs_limit, Bound::EcsLimit),
        ];
        all.into_iter()
            .filter_map(|(cores, bound)| Some((cores.filter(|cores| *cores > 0.0)?, bound)))
            .min_by(|left, right| left.0.total_cmp(&right.0))
            .unwrap_or((1.0, Bound::Affinity))
    }
}

impl CpuPlan {
    /// The plan for `limits`.
    ///
    /// One session per whole core, each with a single thread, so that batches run side by side and
    /// none waits for threads of its own. The runtime gets half as many
    /// threads, for its work is small beside the model's. A fraction of a core gets one of each.
    #[must_use]
    pub fn new(limits: CpuLimits, overrides: CpuOverrides) -> Self {
        let (cores, bound) = match overrides.cores {
            Some(cores) => (cores, Bound::Configured),
            None => limits.tightest(),
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

    /// Exports the plan in `registry`.
    ///
    /// # Errors
    /// The registry's, when a name is taken.
    pub fn export(&self, registry: &Registry) -> prometheus::Result<()> {
        let cores = Gauge::with_opts(
            Opts::new(
                "almanac_cpu_cores",
                "Cores' worth of time this process may use.",
            )
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
                "Threads inside each session.",
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

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Configured => "configured",
            Self::Affinity => "affinity",
            Self::CgroupQuota => "cgroup_quota",
            Self::EcsLimit => "ecs_limit",
        })
    }
}

/// `cores` rounded down, at least 1.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float cast saturates, and the range is bounded first"
)]
fn whole_cores(cores: f64) -> usize {
    cores.clamp(1.0, 4_096.0) as usize
}

/// The cores in this process's affinity mask, which `cpuset` narrows too.
///
/// The standard library's count comes second: it also follows the quota, but rounds it down to whole
/// cores, and the fraction matters here.
fn affinity(root: &Path) -> usize {
    let status = std::fs::read_to_string(root.join("proc/self/status")).unwrap_or_default();
    let list = status
        .lines()
        .find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    list.and_then(count_listed)
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, Into::into))
}

/// How many numbers a list such as `0-3,8` names.
fn count_listed(list: &str) -> Option<usize> {
    let count = |range: &str| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        (last.parse::<usize>().ok()? + 1).checked_sub(first.parse().ok()?)
    };
    list.trim().split(',').map(count).sum()
}

/// What the ECS agent says of limits, for the container or else for the task. The unit is cores for
/// a task, and 1,024ths of a core for a container.
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

/// The limit of the task. A container's own `cpu` is a weight against its neighbours and no cap, so
/// it is not asked for.
fn ecs_limit(metadata: &str) -> Option<f64> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(Duration::from_secs(1)))
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
    fn check(limits: CpuLimits, expected: (f64, Bound, usize, usize)) {
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
            (0.25, Bound::CgroupQuota, 1, 1),
        );
    }

    #[test]
    fn the_tightest_limit_counts() {
        check(UNLIMITED, (8.0, Bound::Affinity, 4, 8));
        check(
            CpuLimits {
                cgroup_quota: Some(4.0),
                ecs_limit: Some(2.0),
                ..UNLIMITED
            },
            (2.0, Bound::EcsLimit, 1, 2),
        );
        check(
            CpuLimits {
                cgroup_quota: Some(32.0),
                ..UNLIMITED
            },
            (8.0, Bound::Affinity, 4, 8),
        );
    }

    #[test]
    fn configuration_overrides_what_was_found() {
        let overrides = CpuOverrides {
            cores: Some(3.5),
            workers: None,
            session_threads: Some(2),
        };
        let plan = CpuPlan::new(UNLIMITED, overrides);
        assert_eq!(plan.bound, Bound::Configured);
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

    /// The shape that the ECS agent documents for `/task`, version 4.
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
