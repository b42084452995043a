//! The command that renders one task alone.

use std::path::{Path, PathBuf};

/// Digits of a task's key in the name of the plan that is kept of it alone.
const KEY_DIGITS: usize = 16;

/// Where a plan is found that has a task, for `tonemill render-task`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reproduce {
    /// This plan has all tasks.
    Plan(PathBuf),
    /// This folder has a plan of each task that failed.
    Kept(PathBuf),
}

impl Reproduce {
    /// The plan that has a task.
    pub fn plan(&self, key: &str) -> PathBuf {
        match self {
            Reproduce::Plan(plan) => plan.clone(),
            Reproduce::Kept(folder) => {
                let name: String = key.chars().filter(char::is_ascii_alphanumeric).take(KEY_DIGITS).collect();
                folder.join(format!("{name}.jsonl"))
            }
        }
    }

    /// The command, as it can be given to a shell.
    pub fn command(&self, task: u32, key: &str) -> String {
        format!("tonemill render-task {}#{task} --in-process", quoted(&self.plan(key)))
    }
}

/// A path as a shell takes it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || "/._-+=:,@%".contains(c);
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_names_the_plan_and_the_task() {
        let plan = Reproduce::Plan("night.jsonl".into());
        assert_eq!(plan.command(37, "abc"), "tonemill render-task night.jsonl#37 --in-process");
        let kept = Reproduce::Kept("/data/out/.tonemill/failed".into());
        let key = "0123456789abcdef0123456789abcdef";
        let command = "tonemill render-task /data/out/.tonemill/failed/0123456789abcdef.jsonl#37 --in-process";
        assert_eq!(kept.command(37, key), command);
    }

    #[test]
    fn a_path_that_a_shell_would_split_is_quoted() {
        let plan = Reproduce::Plan("Bob's takes/plan.jsonl".into());
        assert_eq!(plan.command(0, "k"), r"tonemill render-task 'Bob'\''s takes/plan.jsonl'#0 --in-process");
    }
}
