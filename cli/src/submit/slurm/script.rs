//! The scripts that Slurm gets, as text.

use std::fmt::Write as _;
use std::num::NonZeroU32;

use crate::submit::{MOST_RESTARTS, Memory};

/// What every element of the array does, behind the variables that say what it is about.
const ELEMENT: &str = include_str!("element.sh");

/// Seconds before the end of its time at which a part is told, if it has that many to spare: tonemill lets tasks go on for
/// 30 seconds then, and has its journal to write.
const WARNING: u32 = 120;

/// What the scripts say.
#[derive(Debug)]
pub(super) struct Script {
    pub(super) name: String,
    /// This program.
    pub(super) program: String,
    pub(super) plan: String,
    pub(super) logs: String,
    pub(super) parts: u32,
    pub(super) cpus: NonZeroU32,
    pub(super) memory: Option<Memory>,
    pub(super) time: Time,
    pub(super) partition: Option<String>,
    /// Further options of `sbatch`.
    pub(super) sbatch: Vec<String>,
    /// Further options of `tonemill run`.
    pub(super) options: Vec<String>,
}

/// A time limit as Slurm writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Time {
    text: String,
    /// Absent where there is no limit.
    minutes: Option<u64>,
}

impl Time {
    /// `MINUTES`, `MINUTES:SECONDS`, `HOURS:MINUTES:SECONDS`, `DAYS-HOURS`, `DAYS-HOURS:MINUTES`,
    /// `DAYS-HOURS:MINUTES:SECONDS` or `UNLIMITED`.
    pub(super) fn parse(text: &str) -> Result<Time, String> {
        let wrong = || "give MINUTES, H:MM:SS, D-HH, D-HH:MM:SS or UNLIMITED".to_owned();
        if ["UNLIMITED", "INFINITE"].iter().any(|word| word.eq_ignore_ascii_case(text)) {
            return Ok(Time { text: text.to_owned(), minutes: None });
        }
        let (days, rest) = text.split_once('-').map_or((None, text), |(days, rest)| (Some(days), rest));
        let number = |text: &str| text.parse::<u32>().map(u64::from).map_err(|_| wrong());
        let numbers = rest.split(':').map(number).collect::<Result<Vec<u64>, String>>()?;
        let seconds = match (days, numbers.as_slice()) {
            (None, [minutes]) => minutes * 60,
            (None, [minutes, seconds]) => minutes * 60 + seconds,
            (Some(_), [hours]) => hours * 3600,
            (Some(_), [hours, minutes]) => hours * 3600 + minutes * 60,
            (_, [hours, minutes, seconds]) => hours * 3600 + minutes * 60 + seconds,
            _ => return Err(wrong()),
        };
        let seconds = seconds + days.map_or(Ok(0), number)? * 86_400;
        // Slurm takes no time at all for no limit at all.
        let minutes = Some(seconds.div_ceil(60)).filter(|minutes| *minutes > 0).ok_or_else(wrong)?;
        Ok(Time { text: text.to_owned(), minutes: Some(minutes) })
    }

    /// Enough for a part that is reckoned to take so many seconds, for reckoning is not measuring.
    pub(super) fn for_part(seconds: f64) -> Time {
        let minutes = (seconds * 3.0 / 600.0).ceil().max(6.0) as u64 * 10;
        Time { text: minutes.to_string(), minutes: Some(minutes) }
    }

    /// How many seconds before its end a part is told. A short one still needs most of its time to render.
    fn warning(&self) -> Option<u32> {
        self.minutes.map(|minutes| u32::try_from(minutes * 20).unwrap_or(WARNING).min(WARNING))
    }
}

impl Script {
    /// The array job's.
    pub(super) fn array(&self) -> Result<String, String> {
        let Script { parts, cpus, .. } = self;
        let mut text = format!(
            "#!/bin/bash
# Renders a plan in {parts} parts, one an element of an array. Written by `tonemill submit slurm`, {version}.
# Submit it again to go on after whatever has happened; a single part: sbatch --array=3 with this script. What is done
# already is not rendered again.
#
# Elements are numbered as tonemill numbers parts.
#SBATCH --array=1-{parts}
",
            version = jobs::ENGINE,
        );
        self.options(&mut text, &self.name, *cpus, "%A_%a.log", true)?;
        text += "\n# What is rendered, and by which program.\n";
        let _ = writeln!(text, "tonemill={}", quoted(&self.program));
        let _ = writeln!(text, "plan={}", quoted(&self.plan));
        let _ = writeln!(text, "# Not Slurm's own count, which is that of the elements that were submitted.");
        let _ = writeln!(text, "parts={parts}");
        // Running tasks may use most of what is left once the shell was told; the rest is for ending and being requeued.
        let drain = self.time.warning().map(|seconds| format!("--drain={}", seconds - seconds / 4));
        let options: Vec<String> = drain.iter().chain(&self.options).map(|option| quoted(option)).collect();
        let _ = writeln!(text, "# Further options of `tonemill run`.\noptions=({})", options.join(" "));
        let _ = writeln!(text, "# How often an element has itself requeued at most.\nmost_restarts={MOST_RESTARTS}");
        Ok(text + ELEMENT)
    }

    /// The script of the job that puts the parts together.
    pub(super) fn merge(&self) -> Result<String, String> {
        let mut text = format!(
            "#!/bin/bash
# Puts together what the parts of a plan have rendered: the manifest, and the data set if the job makes one. Written by
# `tonemill submit slurm`, {version}. To be run once they have ended, however they did: status 75 says that some is missing.
",
            version = jobs::ENGINE,
        );
        self.options(&mut text, &format!("{}-merge", self.name), NonZeroU32::MIN, "merge-%j.log", false)?;
        let _ = writeln!(text, "\nexec {} merge {}", quoted(&self.program), quoted(&self.plan));
        Ok(text)
    }

    /// The options of a job as comments that `sbatch` reads.
    fn options(&self, text: &mut String, name: &str, cpus: NonZeroU32, log: &str, array: bool) -> Result<(), String> {
        let mut option = |why: &str, option: String| -> Result<(), String> {
            if !why.is_empty() {
                let _ = writeln!(text, "# {why}");
            }
            let _ = writeln!(text, "#SBATCH {}", word(&option)?);
            Ok(())
        };
        option("", format!("--job-name={name}"))?;
        option("", format!("--cpus-per-task={cpus}"))?;
        if let Some(Memory { number, unit }) = self.memory {
            option("", format!("--mem={number}{unit}"))?;
        }
        if let Some(partition) = &self.partition {
            option("", format!("--partition={partition}"))?;
        }
        option("", format!("--time={}", self.time.text))?;
        if let Some(seconds) = self.time.warning().filter(|_| array) {
            let why = "So many seconds before the time is over (Slurm may be up to a minute early), this shell alone gets USR1.";
            option(why, format!("--signal=B:USR1@{seconds}"))?;
        }
        option("Slurm starts it again after the failure of a node, and where it is asked to.", "--requeue".to_owned())?;
        option("The log of an element that is started again goes on.", "--open-mode=append".to_owned())?;
        if self.logs.contains('\\') {
            return Err(format!("{} has a backslash, which Slurm does not take in the names of logs", self.logs));
        }
        option("", format!("--output={}/{log}", self.logs.replace('%', "%%")))?;
        self.sbatch.iter().try_for_each(|other| option("", other.clone()))
    }
}

/// A word as `sbatch` reads it from a script: in quotes where it has anything that ends it or means something.
fn word(text: &str) -> Result<String, String> {
    if text.contains(char::is_control) {
        return Err(format!("{text:?} cannot stand in a script: it has control characters"));
    }
    let plain = |letter: char| letter.is_alphanumeric() || "-_=+:,./%@".contains(letter);
    if text.chars().all(plain) {
        return Ok(text.to_owned());
    }
    Ok(format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")))
}

/// A word as a shell reads it.
pub(super) fn quoted(text: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_=+:,./@".contains(letter);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn script() -> Script {
        Script {
            name: "tonemill-night".to_owned(),
            program: "/opt/it's/tonemill".to_owned(),
            plan: "/data/a \"b\" 100%/plan".to_owned(),
            logs: "/data/a \"b\" 100%/plan/slurm/logs".to_owned(),
            parts: 4,
            cpus: NonZeroU32::new(8).unwrap(),
            memory: Some(Memory { number: 16, unit: 'G' }),
            time: Time::parse("2:00:00").unwrap(),
            partition: Some("long".to_owned()),
            sbatch: vec!["--comment=two words".to_owned()],
            options: vec!["--worker".to_owned(), "/opt/$(touch x)/worker".to_owned()],
        }
    }

    #[test]
    fn an_array_tells_slurm_everything_it_must_know() {
        let text = script().array().unwrap();
        let options: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("#SBATCH ")).collect();
        assert_eq!(
            options,
            [
                "--array=1-4",
                "--job-name=tonemill-night",
                "--cpus-per-task=8",
                "--mem=16G",
                "--partition=long",
                "--time=2:00:00",
                "--signal=B:USR1@120",
                "--requeue",
                "--open-mode=append",
                "\"--output=/data/a \\\"b\\\" 100%%/plan/slurm/logs/%A_%a.log\"",
                "\"--comment=two words\"",
            ]
        );
        assert!(text.contains("\noptions=(--drain=90 --worker "), "{text}");
        // sbatch reads options only up to the first line that does something.
        let commands = text.lines().position(|line| line.starts_with("tonemill=")).unwrap();
        assert_eq!(text.lines().take(commands).filter(|line| line.starts_with("#SBATCH")).count(), options.len());
    }

    #[test]
    fn a_merge_is_one_job_with_the_sites_options() {
        let text = script().merge().unwrap();
        assert!(
            text.contains("#SBATCH --cpus-per-task=1\n") && text.contains("#SBATCH \"--comment=two words\"\n"),
            "{text}"
        );
        assert!(!text.contains("--array") && !text.contains("--signal"), "{text}");
        assert!(text.ends_with("\nexec '/opt/it'\\''s/tonemill' merge '/data/a \"b\" 100%/plan'\n"), "{text}");
    }

    #[test]
    fn what_a_shell_reads_is_what_was_meant() {
        for text in
            ["", "plain", "two words", "it's", "a\"b", "$(touch x)", "`x`", "a\\b", "*?[x]", "~", "#", "!x", "é"]
        {
            let output = Command::new("bash").args(["-c", &format!("printf %s {}", quoted(text))]).output().unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), text);
        }
    }

    #[test]
    fn what_cannot_stand_in_a_script_is_refused() {
        let mut script = script();
        script.sbatch = vec!["--comment=a\n#SBATCH --array=1-9".to_owned()];
        assert!(script.array().unwrap_err().contains("control"));
        script.sbatch.clear();
        script.logs = "/data/a\\b".to_owned();
        assert!(script.array().unwrap_err().contains("backslash"));
    }

    #[test]
    fn times_are_read_as_slurm_reads_them() {
        let minutes = |text: &str| Time::parse(text).map(|time| time.minutes);
        assert_eq!(minutes("90"), Ok(Some(90)));
        assert_eq!(minutes("1:30"), Ok(Some(2)));
        assert_eq!(minutes("1:30:00"), Ok(Some(90)));
        assert_eq!(minutes("2-12"), Ok(Some(3_600)));
        assert_eq!(minutes("2-12:30"), Ok(Some(3_630)));
        assert_eq!(minutes("1-0:0:1"), Ok(Some(1_441)));
        assert_eq!(minutes("unlimited"), Ok(None));
        for wrong in ["", "0", "1h", "1:2:3:4", "-5", "1-", "1-2-3", "1.5"] {
            assert!(minutes(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_part_hears_of_its_end_in_time_and_not_at_its_beginning() {
        let warning = |text: &str| Time::parse(text).unwrap().warning();
        assert_eq!(warning("60"), Some(120));
        assert_eq!(warning("6"), Some(120));
        assert_eq!(warning("3"), Some(60));
        assert_eq!(warning("1"), Some(20));
        assert_eq!(warning("UNLIMITED"), None);
        assert_eq!(Time::for_part(10.0).text, "60");
        assert_eq!(Time::for_part(1_200.0).text, "60");
        assert_eq!(Time::for_part(3_600.0).text, "180");
    }
}
