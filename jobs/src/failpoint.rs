//! Places where a test may have a process stop: before and after each step that brings something to the disk.
//!
//! `TONEMILL_FAILPOINT` names one as `POINT=WHO:COUNT`, such as `rename.before=worker:3`: the third time that a process
//! comes by the point, it makes the file that `TONEMILL_FAILPOINT_MARK` names, with its process id in it, and goes no
//! further until somebody removes that. The test kills whom it likes then, or has others work meanwhile. `WHO` is `worker`
//! or `farm`, the process that supervises. Where the file stands already nothing stops, so that one process of a run is
//! stopped, and once.
//!
//! Only builds with debug assertions have them. A release build reads neither variable.

/// Names the point, who stops there and when.
pub const VARIABLE: &str = "TONEMILL_FAILPOINT";

/// Names the file that whoever stops makes first.
pub const MARK_VARIABLE: &str = "TONEMILL_FAILPOINT_MARK";

/// Comes by a point.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub fn reach(_point: &str) {}

/// Comes by a point.
#[cfg(debug_assertions)]
pub fn reach(point: &str) {
    armed::reach(point);
}

#[cfg(debug_assertions)]
mod armed {
    use std::fs::File;
    use std::io::Write;
    use std::path::PathBuf;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
    use std::time::Duration;

    /// Set in every worker: see `farm::PARENT_VARIABLE`, which this crate lies below.
    const PARENT: &str = "TONEMILL_PARENT";

    #[derive(Debug, PartialEq)]
    struct Armed {
        point: String,
        is_worker: bool,
        count: u32,
        mark: PathBuf,
    }

    static PASSED: AtomicU32 = AtomicU32::new(0);

    pub(super) fn reach(point: &str) {
        static ARMED: OnceLock<Option<Armed>> = OnceLock::new();
        let Some(armed) = ARMED.get_or_init(read) else { return };
        let is_worker = std::env::var_os(PARENT).is_some();
        if armed.point != point || armed.is_worker != is_worker || PASSED.fetch_add(1, Relaxed) + 1 != armed.count {
            return;
        }
        let Ok(mut mark) = File::create_new(&armed.mark) else { return };
        writeln!(mark, "{}", std::process::id()).expect("the mark of a failpoint can be written");
        while armed.mark.exists() {
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn read() -> Option<Armed> {
        let setting = std::env::var(super::VARIABLE).ok()?;
        let mark = std::env::var_os(super::MARK_VARIABLE).expect("a failpoint needs a mark");
        Some(parse(&setting, mark.into()).unwrap_or_else(|| panic!("{setting:?} is no POINT=WHO:COUNT")))
    }

    fn parse(setting: &str, mark: PathBuf) -> Option<Armed> {
        let (point, rest) = setting.split_once('=')?;
        let (who, count) = rest.split_once(':')?;
        let is_worker = match who {
            "worker" => true,
            "farm" => false,
            _ => return None,
        };
        Some(Armed { point: point.to_owned(), is_worker, count: count.parse().ok()?, mark })
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_setting_names_point_who_and_count_or_is_refused() {
            let mark = PathBuf::from("/mark");
            let armed = Armed { point: "sync.after".into(), is_worker: false, count: 3, mark: mark.clone() };
            assert_eq!(parse("sync.after=farm:3", mark.clone()), Some(armed));
            for wrong in ["", "sync.after", "sync.after=farm", "sync.after=all:1", "sync.after=worker:x"] {
                assert_eq!(parse(wrong, mark.clone()), None, "{wrong:?}");
            }
        }
    }
}
