//! The CPU quota of the control groups of this process, versions 1 and 2.
//!
//! Formats: the kernel's `Documentation/admin-guide/cgroup-v2.rst` (`cpu.max`) and
//! `scheduler/sched-bwc.rst` (`cpu.cfs_quota_us`, `cpu.cfs_period_us`).

use std::fs;
use std::path::{Path, PathBuf};

/// Returns the lowest quota of the group of this process and its ancestors, in cores, or `None` if
/// no group has a quota. `root` is `/`, or a copy of it in tests.
pub(super) fn quota(root: &Path) -> Option<f64> {
    let groups = fs::read_to_string(root.join("proc/self/cgroup")).ok()?;
    let mount = root.join("sys/fs/cgroup");
    groups
        .lines()
        .filter_map(|line| quota_of_line(line, &mount))
        .min_by(f64::total_cmp)
}

/// Returns the lowest quota of a line of `/proc/self/cgroup`: `hierarchy:controllers:path`, where
/// version 2 has no controllers.
fn quota_of_line(line: &str, mount: &Path) -> Option<f64> {
    let mut parts = line.splitn(3, ':').skip(1);
    let (controllers, path) = (parts.next()?, parts.next()?);
    if controllers.is_empty() {
        lowest_quota(mount, path, quota_v2)
    } else if controllers.split(',').any(|controller| controller == "cpu") {
        let combined = mount.join(controllers);
        let hierarchy = if combined.is_dir() {
            combined
        } else {
            mount.join("cpu")
        };
        lowest_quota(&hierarchy, path, quota_v1)
    } else {
        None
    }
}

/// Returns the lowest quota from the group at `path` up to the root of its hierarchy.
///
/// In a container with its own view of the hierarchy, the group at `path` does not exist, and the
/// quota is in the root of the mount. Every ancestor is read for this reason.
fn lowest_quota(hierarchy: &Path, path: &str, read: fn(&Path) -> Option<f64>) -> Option<f64> {
    let group: PathBuf = hierarchy.join(path.trim_start_matches('/'));
    group
        .ancestors()
        .take_while(|ancestor| ancestor.starts_with(hierarchy))
        .filter_map(read)
        .min_by(f64::total_cmp)
}

fn quota_v2(group: &Path) -> Option<f64> {
    let text = fs::read_to_string(group.join("cpu.max")).ok()?;
    let (quota, period) = text.trim().split_once(' ')?;
    ratio(quota, period)
}

fn quota_v1(group: &Path) -> Option<f64> {
    let quota = fs::read_to_string(group.join("cpu.cfs_quota_us")).ok()?;
    let period = fs::read_to_string(group.join("cpu.cfs_period_us")).ok()?;
    ratio(quota.trim(), period.trim())
}

/// Returns the quota in cores, or `None` for `max` and -1, which both mean no quota.
fn ratio(quota: &str, period: &str) -> Option<f64> {
    let (quota, period) = (quota.parse::<f64>().ok()?, period.parse::<f64>().ok()?);
    (quota > 0.0 && period > 0.0).then(|| quota / period)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(files: &[(&str, &str)], expected: Option<f64>) {
        let root = tempfile::tempdir().unwrap();
        for (path, content) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        assert_eq!(quota(root.path()), expected);
    }

    #[test]
    fn version_2_returns_the_lowest_quota_of_the_group_and_its_ancestors() {
        check(
            &[
                ("proc/self/cgroup", "0::/kubepods/pod1\n"),
                ("sys/fs/cgroup/cpu.max", "max 100000\n"),
                ("sys/fs/cgroup/kubepods/cpu.max", "150000 100000\n"),
                ("sys/fs/cgroup/kubepods/pod1/cpu.max", "200000 100000\n"),
            ],
            Some(1.5),
        );
    }

    #[test]
    fn version_2_in_a_container_reads_the_root_of_the_mount() {
        check(
            &[
                ("proc/self/cgroup", "0::/../../ecs/task\n"),
                ("sys/fs/cgroup/cpu.max", "25000 100000\n"),
            ],
            Some(0.25),
        );
    }

    #[test]
    fn version_1_reads_the_cpu_hierarchy() {
        check(
            &[
                (
                    "proc/self/cgroup",
                    "5:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n",
                ),
                ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "50000\n"),
                ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n"),
            ],
            Some(0.5),
        );
    }

    #[test]
    fn a_missing_quota_or_cgroup_is_no_limit() {
        check(
            &[
                ("proc/self/cgroup", "0::/\n"),
                ("sys/fs/cgroup/cpu.max", "max 100000\n"),
            ],
            None,
        );
        check(
            &[
                ("proc/self/cgroup", "4:cpu:/\n"),
                ("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n"),
                ("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"),
            ],
            None,
        );
        check(&[], None);
    }
}
