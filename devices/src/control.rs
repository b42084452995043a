//! What a device can be set to: one table a device, and everything that follows from such a table.

use std::borrow::Cow;

use audio::device::{DeviceError, Parameter, ParameterFlags, ParameterId};

/// One parameter of a built-in. Its id is its place in the device's table, so a table only ever grows at its end.
#[derive(Clone, Debug)]
pub(crate) struct Control {
    /// Models of files bring names of their own.
    pub name: Cow<'static, str>,
    pub group: &'static str,
    pub unit: Unit,
    pub minimum: f64,
    pub maximum: f64,
    pub default: f64,
    /// What the lowest or highest value is called, where it means something of its own.
    pub edge: Edge,
    pub automatable: bool,
}

/// What a plain value counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Unit {
    Decibels,
    /// A level of a sine in dBu: 0 is 0.775 V.
    DecibelsUnloaded,
    Hertz,
    Milliseconds,
    Seconds,
    Percent,
    /// To one: a plain 2 is "2:1".
    Ratio,
    /// A number without a unit.
    Plain,
    /// -100 (left) to 100 (right).
    Pan,
    Whole,
    Switch,
    Choice(&'static [&'static str]),
}

/// A value at the end of a range that has a word of its own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Edge {
    None,
    Lowest(&'static str),
    Highest(&'static str),
}

impl Control {
    pub const fn new(name: &'static str, unit: Unit, minimum: f64, maximum: f64, default: f64) -> Control {
        let name = Cow::Borrowed(name);
        Control { name, group: "", unit, minimum, maximum, default, edge: Edge::None, automatable: true }
    }

    pub const fn switch(name: &'static str, default: bool) -> Control {
        Control::new(name, Unit::Switch, 0.0, 1.0, if default { 1.0 } else { 0.0 })
    }

    pub const fn choice(name: &'static str, names: &'static [&'static str], default: usize) -> Control {
        Control::new(name, Unit::Choice(names), 0.0, (names.len() - 1) as f64, default as f64)
    }

    pub const fn group(mut self, group: &'static str) -> Control {
        self.group = group;
        self
    }

    pub const fn edge(mut self, edge: Edge) -> Control {
        self.edge = edge;
        self
    }

    /// A change while sound is under way would be heard as a break.
    pub const fn fixed(mut self) -> Control {
        self.automatable = false;
        self
    }

    /// How the outside world sees it.
    pub fn describe(&self, index: usize) -> Parameter {
        Parameter {
            id: ParameterId(index as u32),
            name: self.name.clone().into_owned(),
            group: self.group.to_owned(),
            minimum: self.minimum,
            maximum: self.maximum,
            default: self.default,
            flags: ParameterFlags {
                stepped: self.is_stepped(),
                automatable: self.automatable,
                ..ParameterFlags::default()
            },
        }
    }

    fn is_stepped(&self) -> bool {
        matches!(self.unit, Unit::Whole | Unit::Switch | Unit::Choice(_))
    }

    /// The value as it is kept: stepped ones rounded. Refuses what is outside the range or not a number.
    pub fn accept(&self, value: f64) -> Result<f64, DeviceError> {
        if !(self.minimum..=self.maximum).contains(&value) {
            return Err(DeviceError::OutOfRange {
                name: self.name.clone().into_owned(),
                value,
                minimum: self.minimum,
                maximum: self.maximum,
            });
        }
        Ok(if self.is_stepped() { value.round() } else { value })
    }

    /// Words for a plain value: "-6 dB", "1.2 kHz", "on".
    pub fn text(&self, value: f64) -> String {
        match self.edge {
            Edge::Lowest(word) if value <= self.minimum => return word.to_owned(),
            Edge::Highest(word) if value >= self.maximum => return word.to_owned(),
            _ => {}
        }
        match self.unit {
            Unit::Decibels => format!("{} dB", short(value)),
            Unit::DecibelsUnloaded => format!("{} dBu", short(value)),
            Unit::Hertz if value.abs() >= 1000.0 => format!("{} kHz", short(value / 1000.0)),
            Unit::Hertz => format!("{} Hz", short(value)),
            Unit::Milliseconds if value.abs() >= 1000.0 => format!("{} s", short(value / 1000.0)),
            Unit::Milliseconds => format!("{} ms", short(value)),
            Unit::Seconds if value.abs() < 1.0 => format!("{} ms", short(value * 1000.0)),
            Unit::Seconds => format!("{} s", short(value)),
            Unit::Percent => format!("{} %", short(value)),
            Unit::Ratio => format!("{}:1", short(value)),
            Unit::Plain | Unit::Pan => short(value),
            Unit::Whole => short(value.round()),
            Unit::Switch => if value.round() >= 1.0 { "on" } else { "off" }.to_owned(),
            Unit::Choice(names) => names[(value.round().max(0.0) as usize).min(names.len() - 1)].to_owned(),
        }
    }

    /// The plain value of some words, whether or not it is within the range. The unit may be left out.
    pub fn parse(&self, text: &str) -> Option<f64> {
        let text = text.trim().to_lowercase();
        match self.edge {
            Edge::Lowest(word) if text == word.to_lowercase() => return Some(self.minimum),
            Edge::Highest(word) if text == word.to_lowercase() => return Some(self.maximum),
            _ => {}
        }
        match self.unit {
            Unit::Switch => match text.as_str() {
                "on" | "true" | "yes" | "1" => Some(1.0),
                "off" | "false" | "no" | "0" => Some(0.0),
                _ => None,
            },
            Unit::Choice(names) => {
                let named = names.iter().position(|n| plain_name(n) == plain_name(&text)).map(|i| i as f64);
                named.or_else(|| text.parse().ok())
            }
            Unit::Ratio => {
                let (ratio, one) = text.split_once(':').unwrap_or((&text, "1"));
                let one: f64 = one.trim().parse().ok()?;
                finite(ratio.trim().parse::<f64>().ok()? / one)
            }
            unit => {
                let (number, suffix) = split_suffix(&text)?;
                finite(number * unit.factor(suffix)?)
            }
        }
    }
}

impl Unit {
    /// What a number with this suffix is multiplied with to be plain; `None` where the suffix means nothing here.
    fn factor(self, suffix: &str) -> Option<f64> {
        match (self, suffix) {
            (_, "") => Some(1.0),
            (Unit::Decibels, "db") | (Unit::DecibelsUnloaded, "dbu") => Some(1.0),
            (Unit::Hertz, "hz") | (Unit::Milliseconds, "ms") | (Unit::Seconds, "s" | "sec") => Some(1.0),
            (Unit::Hertz, "khz" | "k") | (Unit::Milliseconds, "s" | "sec") => Some(1000.0),
            (Unit::Milliseconds, "us" | "µs") | (Unit::Seconds, "ms") => Some(0.001),
            (Unit::Percent, "%" | "percent") => Some(1.0),
            (Unit::Pan, "r" | "right" | "%") => Some(1.0),
            (Unit::Pan, "l" | "left") => Some(-1.0),
            _ => None,
        }
    }
}

/// A number with at most three decimals and no needless zeros.
fn short(value: f64) -> String {
    let text = format!("{value:.3}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

/// A leading number and what follows it.
fn split_suffix(text: &str) -> Option<(f64, &str)> {
    let end = text.find(|c: char| !(c.is_ascii_digit() || "+-.".contains(c))).unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    Some((number.parse().ok()?, suffix.trim()))
}

/// A name without what people vary in writing it: case, blanks, `_` and `-`.
pub(crate) fn plain_name(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, ' ' | '_' | '-')).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn control(unit: Unit, minimum: f64, maximum: f64) -> Control {
        Control::new("X", unit, minimum, maximum, minimum)
    }

    #[test]
    fn texts_carry_their_unit_and_are_read_back() {
        let cases = [
            (control(Unit::Decibels, -120.0, 24.0), -6.0, "-6 dB"),
            (control(Unit::DecibelsUnloaded, -60.0, 60.0), 12.5, "12.5 dBu"),
            (control(Unit::Hertz, 10.0, 22_000.0), 350.0, "350 Hz"),
            (control(Unit::Hertz, 10.0, 22_000.0), 1200.0, "1.2 kHz"),
            (control(Unit::Milliseconds, 0.0, 5000.0), 12.0, "12 ms"),
            (control(Unit::Milliseconds, 0.0, 5000.0), 1200.0, "1.2 s"),
            (control(Unit::Seconds, 0.1, 20.0), 2.5, "2.5 s"),
            (control(Unit::Seconds, 0.1, 20.0), 0.25, "250 ms"),
            (control(Unit::Percent, 0.0, 100.0), 50.0, "50 %"),
            (control(Unit::Ratio, 1.0, 20.0), 2.0, "2:1"),
            (control(Unit::Plain, 0.1, 20.0), 0.707, "0.707"),
            (control(Unit::Pan, -100.0, 100.0), -30.0, "-30"),
            (control(Unit::Whole, 0.0, 127.0), 33.0, "33"),
            (Control::switch("X", false), 1.0, "on"),
            (Control::choice("X", &["Tanh", "Hard"], 0), 1.0, "Hard"),
        ];
        for (control, value, text) in cases {
            assert_eq!(control.text(value), text);
            assert_eq!(control.parse(text), Some(value), "{text}");
        }
    }

    #[test]
    fn texts_are_read_as_people_vary_them() {
        let hertz = control(Unit::Hertz, 10.0, 22_000.0);
        for text in ["1200", "1200hz", "1.2k", "1.2 kHz", " 1.2KHZ "] {
            assert_eq!(hertz.parse(text), Some(1200.0), "{text}");
        }
        assert_eq!(control(Unit::Ratio, 1.0, 20.0).parse("4"), Some(4.0));
        assert_eq!(control(Unit::Pan, -100.0, 100.0).parse("30 L"), Some(-30.0));
        let cut = hertz.edge(Edge::Lowest("off"));
        assert_eq!(cut.parse("Off"), Some(10.0));
        assert_eq!(cut.text(10.0), "off");
    }

    #[test]
    fn texts_in_a_foreign_unit_are_refused() {
        assert_eq!(control(Unit::Hertz, 10.0, 22_000.0).parse("-6 dB"), None);
        assert_eq!(control(Unit::Decibels, -120.0, 24.0).parse("loud"), None);
        assert_eq!(control(Unit::Decibels, -120.0, 24.0).parse("nan"), None);
        assert_eq!(control(Unit::Ratio, 1.0, 20.0).parse("2:0"), None);
        assert_eq!(Control::switch("X", false).parse("perhaps"), None);
    }
}
