//! Values in words: units, switches and scale points.

use super::names::*;
use super::turtle::{Graph, Node};

/// How the values of a control are worded.
#[derive(Clone, Debug, Default)]
pub(super) struct Words {
    /// Values with a name of their own.
    points: Vec<(f64, String)>,
    toggled: bool,
    /// What stands behind a number.
    unit: Option<String>,
}

/// Units of the specification, as they are written behind numbers.
const UNITS_IN_WORDS: &[(&str, &str)] = &[
    ("bar", "bars"),
    ("beat", "beats"),
    ("bpm", "BPM"),
    ("cent", "ct"),
    ("cm", "cm"),
    ("db", "dB"),
    ("degree", "°"),
    ("frame", "frames"),
    ("hz", "Hz"),
    ("inch", "in"),
    ("khz", "kHz"),
    ("km", "km"),
    ("m", "m"),
    ("mhz", "MHz"),
    ("midiNote", "note"),
    ("mile", "mi"),
    ("min", "min"),
    ("mm", "mm"),
    ("ms", "ms"),
    ("oct", "oct"),
    ("pc", "%"),
    ("s", "s"),
    ("semitone12TET", "semi"),
];

/// Units that people write for one another, and the factor from the first to the second.
const CONVERSIONS: &[(&str, &str, f64)] = &[
    ("khz", "hz", 1e3),
    ("mhz", "hz", 1e6),
    ("hz", "khz", 1e-3),
    ("mhz", "khz", 1e3),
    ("s", "ms", 1e3),
    ("ms", "s", 1e-3),
    ("min", "s", 60.0),
];

impl Words {
    pub(super) fn read(graph: &Graph, node: &Node, toggled: bool) -> Words {
        let point = |point: &Node| {
            let label = graph.text(point, LABEL)?;
            Some((graph.number(point, VALUE)?, label.trim().to_owned()))
        };
        let mut points: Vec<(f64, String)> = graph.all(node, SCALE_POINT).filter_map(point).collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        Words { points, toggled, unit: graph.one(node, UNIT).and_then(|unit| symbol(graph, unit)) }
    }

    /// A value in words. Whatever it says, [`parse`](Words::parse) reads back.
    pub(super) fn text(&self, value: f64) -> String {
        let near = |(point, _): &&(f64, String)| (point - value).abs() <= 1e-5 * point.abs().max(1.0);
        if let Some((_, label)) = self.points.iter().find(near) {
            return label.clone();
        }
        if self.toggled && self.points.is_empty() {
            return if value > 0.0 { "On" } else { "Off" }.to_owned();
        }
        let number = rounded(value, self.unit.as_deref() == Some("dB"));
        match self.unit.as_deref() {
            None => number,
            Some(unit @ ("%" | "°")) => format!("{number}{unit}"),
            Some(unit) => format!("{number} {unit}"),
        }
    }

    /// The value that a text means.
    pub(super) fn parse(&self, text: &str) -> Option<f64> {
        let text = text.trim();
        if let Some((value, _)) = self.points.iter().find(|(_, label)| label == text) {
            return Some(*value);
        }
        if let Some((value, _)) = self.points.iter().find(|(_, label)| label.to_lowercase() == text.to_lowercase()) {
            return Some(*value);
        }
        if self.toggled {
            match text.to_lowercase().as_str() {
                "on" | "true" | "yes" => return Some(1.0),
                "off" | "false" | "no" => return Some(0.0),
                _ => {}
            }
        }
        let split = text.char_indices().map(|(at, c)| at + c.len_utf8()).rev();
        // The longest beginning that is a number; words such as "inf" are none.
        let (number, end) = std::iter::once(text.len()).chain(split).find_map(|end| {
            let beginning = text[..end].trim_end();
            let digits = beginning.chars().any(|c| c.is_ascii_digit());
            Some((beginning.parse::<f64>().ok().filter(|number| digits && number.is_finite())?, end))
        })?;
        let (written, unit) = (text[end..].trim().to_lowercase(), self.unit.as_deref().unwrap_or("").to_lowercase());
        if written.is_empty() || written == unit {
            return Some(number);
        }
        let conversion = CONVERSIONS.iter().find(|(from, to, _)| *from == written && *to == unit);
        conversion.map(|(_, _, factor)| number * factor)
    }
}

/// How a unit is written.
fn symbol(graph: &Graph, unit: &Node) -> Option<String> {
    if let Some(name) = unit.iter_name()
        && let Some((_, symbol)) = UNITS_IN_WORDS.iter().find(|(known, _)| *known == name)
    {
        return Some((*symbol).to_owned());
    }
    let own = graph.text(unit, UNIT_SYMBOL).or_else(|| {
        // "%f dB" and its like.
        let render = graph.text(unit, UNIT_RENDER)?;
        let at = render.find('%')?;
        let rest = render[at + 1..].trim_start_matches(|c: char| c.is_ascii_digit() || ".+- #lh".contains(c));
        Some(rest.get(1..)?.replace("%%", "%"))
    })?;
    Some(own.trim().to_owned()).filter(|symbol| !symbol.is_empty())
}

impl Node {
    /// What the specification calls a unit of its own.
    fn iter_name(&self) -> Option<&str> {
        self.iri()?.strip_prefix(UNITS)
    }
}

/// A number as people write it: four digits that matter, more where it is whole, a tenth for levels.
fn rounded(value: f64, tenth: bool) -> String {
    // Single precision is what the plugin sees; its nearest decimal is what was meant.
    let single = value as f32;
    let plain = format!("{single}");
    let text = if plain.trim_start_matches('-').len() <= 7 {
        plain
    } else {
        let digits = 3 - (single.abs().max(1e-6).log10().floor() as i32).clamp(-6, 3);
        let text = format!("{single:.*}", digits as usize);
        match text.contains('.') {
            true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
            false => text,
        }
    };
    let text = if text == "-0" { "0".to_owned() } else { text };
    if tenth && !text.contains('.') && text.len() < 7 { format!("{text}.0") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(turtle: &str, toggled: bool) -> Words {
        let prefixes =
            "@prefix lv2: <http://lv2plug.in/ns/lv2core#> . @prefix u: <http://lv2plug.in/ns/extensions/units#> .
            @prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
            @prefix rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#> .\n";
        let mut graph = Graph::default();
        graph.parse(format!("{prefixes}<p> {turtle} .").as_bytes(), "file:///x/").unwrap();
        Words::read(&graph, &Node::Iri("file:///x/p".into()), toggled)
    }

    #[test]
    fn a_level_has_a_tenth_and_reads_back() {
        let level = words("u:unit u:db", false);
        assert_eq!(level.text(-6.0), "-6.0 dB");
        assert_eq!(level.text(-0.5), "-0.5 dB");
        assert_eq!(level.parse("-6.0 dB"), Some(-6.0));
        assert_eq!(level.parse("-6db"), Some(-6.0));
        assert_eq!(level.parse("-6 Hz"), None);
        assert_eq!(level.parse("loud"), None);
        assert_eq!(level.parse("inf"), None);
    }

    #[test]
    fn numbers_keep_four_digits_and_whole_numbers_all() {
        let plain = words("a lv2:ControlPort", false);
        for (value, text) in [
            (0.1, "0.1"),
            (f64::from(0.1f32), "0.1"),
            (1.0 / 3.0, "0.3333"),
            (12345.678, "12346"),
            (20000.0, "20000"),
            (-0.0, "0"),
            (0.000123456, "0.0001235"),
        ] {
            assert_eq!(plain.text(value), text);
        }
    }

    #[test]
    fn times_and_frequencies_are_read_in_their_larger_unit_too() {
        let frequency = words("u:unit u:hz", false);
        assert_eq!(frequency.text(440.0), "440 Hz");
        assert_eq!(frequency.parse("1.5 kHz"), Some(1500.0));
        assert_eq!(words("u:unit u:ms", false).parse("2 s"), Some(2000.0));
    }

    #[test]
    fn named_values_are_said_and_read_by_their_names() {
        let choice = words(
            "lv2:scalePoint [ rdfs:label \"Sine\" ; rdf:value 0 ] , [ rdfs:label \"12 dB\" ; rdf:value 1.5 ]",
            false,
        );
        assert_eq!((choice.text(0.0), choice.text(1.5), choice.text(1.0)), ("Sine".into(), "12 dB".into(), "1".into()));
        assert_eq!((choice.parse("sine"), choice.parse("12 dB"), choice.parse("1")), (Some(0.0), Some(1.5), Some(1.0)));
    }

    #[test]
    fn a_switch_is_on_or_off() {
        let switch = words("a lv2:ControlPort", true);
        assert_eq!((switch.text(0.0), switch.text(1.0)), ("Off".into(), "On".into()));
        assert_eq!((switch.parse("off"), switch.parse("Yes"), switch.parse("1")), (Some(0.0), Some(1.0), Some(1.0)));
    }

    #[test]
    fn a_unit_of_its_own_is_written_as_the_plugin_says() {
        let own = words("u:unit [ a u:Unit ; u:render \"%.2f mV\" ]", false);
        assert_eq!((own.text(2.5), own.parse("2.5 mV")), ("2.5 mV".into(), Some(2.5)));
        let percent = words("u:unit [ u:symbol \"%\" ]", false);
        assert_eq!(
            (percent.text(50.0), percent.parse("50 %"), percent.parse("50%")),
            ("50%".into(), Some(50.0), Some(50.0))
        );
    }
}
