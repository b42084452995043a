//! Real General MIDI songs, all through the shipped template: what begins in their files is heard, and begins there.

use std::collections::{BTreeMap, BTreeSet};
use std::f64::consts::TAU;
use std::path::{Path, PathBuf};

use tonemill_tests::smf::{self, Note};
use tonemill_tests::{Place, midi, read_wav, real, repository};

/// Enough for onsets to a twentieth of a millisecond and for the partials of every key, and half the work of 44.1 kHz.
const RATE: u32 = 22_050;

/// Seconds of each song that are rendered: the whole of all takes several minutes.
const LENGTH: f64 = 30.0;

/// A SoundFont with all of General MIDI, as Debian has it.
const FONT: &str = "/usr/share/sounds/sf2/TimGM6mb.sf2";

const DRUMS: u8 = 9;

/// The shipped template, on songs of this pattern, with what its instruments know of a SoundFont and what it writes.
fn template(songs: &Path, font: Option<&str>, output: &str) -> String {
    let root = repository();
    let text = std::fs::read_to_string(root.join("jobs/examples/general-midi.yaml")).unwrap();
    let (head, _) = text.split_once("\noutput:").expect("the template says what it writes");
    let font = font.map_or_else(String::new, |font| format!(", soundfont: {font}"));
    let text = head
        .replace("data/**/*.mid", &songs.display().to_string())
        .replace("builtin: soundfont", &format!("builtin: soundfont{font}"))
        .replace("../../presets", &format!("{}/presets", root.display()));
    assert!(text.contains(&songs.display().to_string()), "the template names its songs another way:\n{text}");
    format!(
        "{text}\naudio: {{ sample_rate: {RATE} }}\noutput:\n  path: \"out/{{song}}-{{name}}.wav\"\n  bits: 16\n{output}\n"
    )
}

/// The track of the template that plays a note.
fn track(note: &Note) -> &'static str {
    match (note.channel, note.program) {
        (DRUMS, _) => "drums",
        (_, ..24) => "keys",
        (_, ..32) => "guitars",
        (_, ..40) => "basses",
        (_, ..56) => "strings",
        (_, ..80) => "winds",
        _ => "synths",
    }
}

fn mono(path: &Path) -> Vec<f32> {
    let sides = read_wav(path);
    (0..sides[0].len()).map(|n| sides.iter().map(|side| side[n]).sum()).collect()
}

fn frame(seconds: f64) -> usize {
    (seconds * f64::from(RATE)).round() as usize
}

#[test]
fn thirty_one_songs_play_from_one_template_and_every_note_is_heard_or_told() {
    let Some(music) = real("TONEMILL_REAL_MUSIC") else { return };
    if !Path::new(FONT).exists() {
        eprintln!("skipped: {FONT} is not installed (timgm6mb-soundfont); scripts/test brings it");
        return;
    }
    let files: Vec<PathBuf> =
        std::fs::read_dir(music.join("midi")).unwrap().map(|entry| entry.unwrap().path()).collect();
    let songs: BTreeMap<String, Vec<Note>> = files
        .iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "mid"))
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, smf::notes(&std::fs::read(path).unwrap()))
        })
        .collect();
    assert_eq!(songs.len(), 31);
    let place = Place::new();
    let output = format!("  length: {LENGTH} s\n  deliver: [mix, dry]");
    place.write("job.yaml", template(&music.join("midi/*.mid"), Some(FONT), &output));
    let ran = place.run(&["render", "job.yaml"]).expect(0);
    assert!(ran.err.contains("31 tasks: 31 rendered"), "{}", ran.err);
    let manifest = place.manifest("out/manifest.jsonl");
    for song in songs.keys() {
        let mix = manifest.iter().find(|line| line["path"] == format!("{song}-mix.wav"));
        assert_eq!(mix.unwrap_or_else(|| panic!("there is no mix of {song}"))["file"]["silent"], false, "{song}");
    }

    let kit = Kit::rendered(&place, &songs);
    let mut told = Told::default();
    for (song, notes) in &songs {
        let notes: Vec<Note> = notes.iter().copied().filter(|note| note.seconds < LENGTH - 1.0).collect();
        assert!(!notes.is_empty(), "{song} has notes");
        let tracks: BTreeSet<&str> = notes.iter().map(track).collect();
        for name in tracks {
            let dry = mono(&place.path(&format!("out/{song}-dry-{name}.wav")));
            let own: Vec<Note> = notes.iter().copied().filter(|note| track(note) == name).collect();
            match name {
                "drums" => told.drums(song, &own, &dry, &kit),
                _ => told.melody(song, &own, &dry),
            }
        }
    }
    told.look_closer(&place, &songs);
    told.soften(&place, &music.join("midi"));
    let cut: u64 = manifest
        .iter()
        .filter(|line| line["deliver"] == "mix")
        .flat_map(|line| line["warnings"].as_array().unwrap())
        .filter_map(|warning| {
            warning.as_str()?.split_once(" cut off at the start")?.0.rsplit(' ').nth(1)?.parse::<u64>().ok()
        })
        .sum();
    println!("{told:?}, {cut} told of as cut off");
    assert!(told.melodic > 9000 && told.hits > 6000, "{told:?}");
    assert!(told.unheard.is_empty(), "{told:?}");
    // Hardly one has to be looked for by playing the song again without it.
    assert!(2000 * told.masked.len() <= told.melodic + told.hits, "{told:?}");
    assert!(told.cut as u64 <= cut, "{told:?}: {cut} are told of");
    // Hardly a note is taken for heard by its level alone, or is too soft by the song's own will.
    assert!(1000 * told.by_level <= told.melodic && 1000 * told.faded <= told.melodic, "{told:?}");
    // What nobody plays is mostly not found, so that what is found says something.
    for [looked_for, found] in [told.controls, told.drum_controls, told.level_controls] {
        assert!(looked_for > 100 && 3 * found < looked_for, "{told:?}");
    }
    assert!(told.clear > 500, "{told:?}");
    assert!(told.worst_lag.unsigned_abs() <= u64::from(RATE) / 1000, "{told:?}");
}

/// What was found of all songs.
#[derive(Debug, Default)]
struct Told {
    melodic: usize,
    /// Notes, and their songs, that have to be looked at closer.
    doubtful: Vec<(String, Note)>,
    /// Those that are found by the level alone.
    by_level: usize,
    /// Those that their song has faded out: the synthesizer leaves out what is softer than a thousandth, panning and the
    /// instrument's own level included.
    faded: usize,
    /// Hits that another one cuts off as they begin.
    cut: usize,
    /// Those that cannot be made out in any of these ways.
    masked: Vec<(String, Note)>,
    /// Those of them without which the song sounds the same.
    unheard: Vec<String>,
    /// Moments away from all beginnings, and those of them at which the level rises all the same.
    level_controls: [usize; 2],
    /// Keys that nobody plays, looked for in the same way where notes begin, and those of them that were found.
    controls: [usize; 2],
    hits: usize,
    /// Likewise, of drums.
    drum_controls: [usize; 2],
    /// Hits that stand clear of what sounded before.
    clear: usize,
    worst_lag: i64,
}

impl Told {
    /// Every note is there: a partial of it rises as it begins, or sounds on where it sounded already.
    fn melody(&mut self, song: &str, notes: &[Note], dry: &[f32]) {
        for (index, note) in notes.iter().enumerate() {
            // Whatever is under way or about to begin, some partial of which may be one of this note.
            let near =
                |other: &Note| other.seconds <= note.seconds + 0.5 && other.end.min(LENGTH) >= note.seconds - 0.5;
            let others: Vec<&Note> = notes.iter().filter(|other| near(other)).collect();
            self.melodic += 1;
            if !is_heard(dry, note, &harmonics(note.key), continues(note.key, note, &others)) {
                self.doubtful.push((song.to_owned(), *note));
            }
            let moment = note.seconds + 0.3;
            if notes.iter().all(|other| (other.seconds - moment).abs() > 0.15) {
                self.level_controls[0] += 1;
                self.level_controls[1] += usize::from(rises(dry, moment));
            }
            if index % 10 == 0 {
                let shares = |key: u8| others.iter().any(|other| shared(key, other.key));
                if let Some(key) = (note.key.saturating_sub(6)..note.key + 6).find(|key| !shares(*key)) {
                    self.controls[0] += 1;
                    self.controls[1] += usize::from(is_heard(dry, note, &harmonics(key), false));
                }
            }
        }
    }

    /// Every hit is there, and those that stand clear begin at their frame.
    fn drums(&mut self, song: &str, notes: &[Note], dry: &[f32], kit: &Kit) {
        for (index, note) in notes.iter().enumerate() {
            self.hits += 1;
            let others: Vec<&Note> = notes
                .iter()
                .filter(|other| *other != note && (-0.3..0.02).contains(&(other.seconds - note.seconds)))
                .collect();
            // The synthesizer makes a note so loud by the controllers of its channel.
            let least = 0.3 * (note.level / KIT_LEVEL).powi(2);
            let heard = share(dry, note, kit.sound(note, note.key), &kit.beside(&others), HIT);
            if heard.is_none_or(|share| share < least) {
                self.doubtful.push((song.to_owned(), *note));
            }
            if index % 10 == 0 {
                let absent = |key: u8| notes.iter().all(|n| n.key != key || (n.seconds - note.seconds).abs() > 0.5);
                let others: Vec<&Note> = others.iter().copied().chain([note]).collect();
                if let Some(key) = kit.keys(note.program).find(|key| absent(*key)) {
                    self.drum_controls[0] += 1;
                    let share = share(dry, note, kit.sound(note, key), &kit.beside(&others), HIT);
                    self.drum_controls[1] += usize::from(share.is_some_and(|share| share >= least));
                }
            }
            let alone = notes.iter().filter(|other| (other.seconds - note.seconds).abs() < 0.035).count() == 1;
            if let Some(lag) = kit.lag(dry, note).filter(|_| alone) {
                self.clear += 1;
                self.worst_lag = if lag.abs() > self.worst_lag.abs() { lag } else { self.worst_lag };
            }
        }
    }

    /// Some instruments sound elsewhere than at their keys, and some drums have several recordings: the doubtful ones are
    /// looked for as they sound alone, with that very velocity, in a sum with what sounds beside them.
    fn look_closer(&mut self, place: &Place, songs: &BTreeMap<String, Vec<Note>>) {
        let doubtful = std::mem::take(&mut self.doubtful);
        let beside = |song: &str, note: &Note| -> Vec<Note> {
            let near = |other: &&Note| (-0.3..0.02).contains(&(other.seconds - note.seconds));
            let others = songs[song].iter().filter(|other| track(other) == track(note) && *other != note);
            others.filter(near).copied().collect()
        };
        let held = |note: &Note| ((1000.0 * (note.end - note.seconds)).round() as u32).clamp(1, HOLD);
        let sound = |note: &Note| (note.channel == DRUMS, note.program, note.key, note.velocity, held(note));
        let all = |(song, note): &(String, Note)| beside(song, note).into_iter().chain([*note]).collect::<Vec<_>>();
        let needed: BTreeSet<_> = doubtful.iter().flat_map(all).map(|note| sound(&note)).collect();
        let mut sounds = BTreeMap::new();
        for (name, drums, channel) in [("closer-drums", true, DRUMS), ("closer", false, 0)] {
            let these = needed.iter().filter(|(is_drum, ..)| *is_drum == drums);
            let these: Vec<_> =
                these.map(|(_, program, key, velocity, held)| (*program, *key, *velocity, *held)).collect();
            let rendered = alone(place, name, channel, &these);
            let keys = these.into_iter().map(|(program, key, velocity, held)| (drums, program, key, velocity, held));
            sounds.extend(keys.zip(rendered));
        }
        for (song, note) in &doubtful {
            let dry = mono(&place.path(&format!("out/{song}-dry-{}.wav", track(note))));
            let others = beside(song, note);
            let parts: Vec<(usize, &[f32])> =
                others.iter().map(|other| (frame(other.seconds), sounds[&sound(other)].as_slice())).collect();
            let drums = note.channel == DRUMS;
            let share = share(&dry, note, &sounds[&sound(note)], &parts, if drums { HIT } else { 0.06 });
            let rivals = EXCLUSIVE.iter().find(|class| drums && class.contains(&note.key)).copied().unwrap_or_default();
            let rival = |other: &Note| other.key != note.key && rivals.contains(&other.key) && other.tick == note.tick;
            let others: Vec<&Note> = others.iter().collect();
            let partials = strongest(&sounds[&sound(note)]);
            if share.is_some_and(|share| share >= 0.3 * (note.level / KIT_LEVEL).powi(2))
                || !drums && is_heard(&dry, note, &partials, continues(note.key, note, &others))
            {
                continue;
            } else if note.level.powi(2) * (f64::from(note.velocity) / 127.0).powi(2) < 3e-3 {
                self.faded += 1;
            } else if others.iter().copied().any(rival) {
                self.cut += 1;
            } else if rises(&dry, note.seconds) {
                self.by_level += 1;
            } else {
                self.masked.push((song.clone(), *note));
            }
        }
    }
}

impl Told {
    /// Renders the songs of masked notes again, each with one of them as soft as can be: all up to it stays the same, and
    /// what follows does not, if it is heard.
    fn soften(&mut self, place: &Place, midi: &Path) {
        if self.masked.is_empty() {
            return;
        }
        for (index, (song, note)) in self.masked.iter().enumerate() {
            let mut bytes = std::fs::read(midi.join(format!("{song}.mid"))).unwrap();
            assert_eq!(bytes[note.at], note.velocity, "{song}: {note:?}");
            bytes[note.at] = 1;
            place.write(&format!("softened/{index}.mid"), bytes);
        }
        let output = format!("  length: {LENGTH} s\n  deliver: [dry]");
        place.write("softened.yaml", template(&place.path("softened/*.mid"), Some(FONT), &output));
        place.run(&["render", "softened.yaml"]).expect(0);
        for (index, (song, note)) in self.masked.iter().enumerate() {
            let name = track(note);
            let [loud, soft] =
                [song, &index.to_string()].map(|song| mono(&place.path(&format!("out/{song}-dry-{name}.wav"))));
            let (at, length) = (frame(note.seconds), frame(0.25));
            let difference = |from: usize, to: usize| {
                let squares = loud[from..to].iter().zip(&soft[from..to]).map(|(a, b)| f64::from(a - b).powi(2));
                (squares.sum::<f64>() / (to - from).max(1) as f64).sqrt()
            };
            let (before, behind) = (difference(at.saturating_sub(length), at), difference(at, at + length));
            // The dither of two files differs by 4e-5.
            assert!(before < 1e-4, "{song}: {note:?}: the songs differ before it by {before}");
            if behind < 2.5e-4 {
                self.unheard.push(format!("{song} {note:?}: {behind}"));
            }
        }
    }
}

/// Whether the level rises by 2 dB within a twentieth of a second, to more than -70 dBFS.
fn rises(sound: &[f32], seconds: f64) -> bool {
    let (at, length) = (frame(seconds), frame(0.05));
    let level = |from: usize, to: usize| {
        let stretch = sound.get(from.min(sound.len())..to.min(sound.len())).unwrap_or_default();
        let sum: f64 = stretch.iter().map(|sample| f64::from(*sample).powi(2)).sum();
        (sum / length as f64).sqrt()
    };
    level(at, at + length) > 1.26 * level(at.saturating_sub(length), at).max(2.5e-4)
}

/// The frequencies of a key's first partials.
fn harmonics(key: u8) -> Vec<f64> {
    let pitch = 440.0 * ((f64::from(key) - 69.0) / 12.0).exp2();
    (1..=5).map(|partial| pitch * f64::from(partial)).filter(|pitch| *pitch < 0.45 * f64::from(RATE)).collect()
}

/// Whether a partial of a key sounds already as a note begins.
fn continues(key: u8, note: &Note, others: &[&Note]) -> bool {
    others.iter().any(|other| other.seconds < note.seconds && shared(key, other.key))
}

/// Whether one of these frequencies stands out and rises as the note begins. Where one of them sounds already, it is enough
/// that it is there.
fn is_heard(sound: &[f32], note: &Note, frequencies: &[f64], continues: bool) -> bool {
    // -76 dBFS.
    const FLOOR: f64 = 1.5e-4;
    // Five periods at least, or neighbours of low keys cannot be told apart.
    let lowest = frequencies.iter().copied().fold(f64::MAX, f64::min);
    let window = ((5.0 * f64::from(RATE) / lowest) as usize).max(frame((note.end - note.seconds).clamp(0.08, 0.25)));
    let bin = f64::from(RATE) / window as f64;
    let at = frame(note.seconds);
    frequencies.iter().any(|frequency| {
        let before = amplitude(sound, at.saturating_sub(window), at.min(window), *frequency);
        // Strings and winds take their time.
        [0.0, 0.04, 0.15].into_iter().any(|later| {
            let from = at + frame(later);
            let after = amplitude(sound, from, window, *frequency);
            let beside: f64 =
                [-3.0, 3.0].map(|bins| amplitude(sound, from, window, frequency + bins * bin)).iter().sum();
            after > FLOOR && if continues { after > beside } else { after > 3.0 * beside && after > 1.4 * before }
        })
    })
}

/// The frequencies of the strongest partials of a sound.
fn strongest(sound: &[f32]) -> Vec<f64> {
    let length = frame(0.25);
    let step = f64::from(RATE) / length as f64;
    let found: Vec<(f64, f64)> = (10..1500)
        .map(|bin| f64::from(bin) * step)
        .map(|frequency| (amplitude(sound, 0, length, frequency), frequency))
        .collect();
    let peak = |at: &usize| found[at - 1].0 < found[*at].0 && found[at + 1].0 < found[*at].0;
    let mut peaks: Vec<(f64, f64)> = (1..found.len() - 1).filter(peak).map(|at| found[at]).collect();
    peaks.sort_by(|a, b| b.0.total_cmp(&a.0));
    peaks.into_iter().take(5).map(|(_, frequency)| frequency).collect()
}

/// Whether two keys have partials in common, or within a semitone of each other.
fn shared(key: u8, other: u8) -> bool {
    let partials = |key: u8| (1..=8).map(move |partial| f64::from(key) + 12.0 * f64::from(partial).log2());
    partials(key).take(6).any(|own| partials(other).any(|its| (own - its).abs() < 1.0))
}

/// The amplitude of the sine of this frequency in a stretch, by a Hann window.
fn amplitude(sound: &[f32], from: usize, length: usize, frequency: f64) -> f64 {
    let stretch = sound.get(from.min(sound.len())..(from + length).min(sound.len())).unwrap_or_default();
    let (turn, width) = (TAU * frequency / f64::from(RATE), TAU / length as f64);
    let (step, hann) = ((turn.cos(), turn.sin()), (width.cos(), width.sin()));
    let (mut at, mut shape, mut sum) = ((1.0, 0.0), (1.0, 0.0), (0.0, 0.0));
    for sample in stretch {
        let weighted = f64::from(*sample) * (1.0 - shape.0);
        sum = (sum.0 + weighted * at.0, sum.1 + weighted * at.1);
        at = turned(at, step);
        shape = turned(shape, hann);
    }
    if length == 0 { 0.0 } else { 2.0 * f64::hypot(sum.0, sum.1) / length as f64 }
}

fn turned(a: (f64, f64), b: (f64, f64)) -> (f64, f64) {
    (a.0 * b.0 - a.1 * b.1, a.0 * b.1 + a.1 * b.0)
}

/// Drums of General MIDI that exclude each other: hi-hats, whistles, guiros, cuicas, triangles.
const EXCLUSIVE: [&[u8]; 5] = [&[42, 44, 46], &[71, 72], &[73, 74], &[78, 79], &[80, 81]];

/// What controllers 7 and 11 stand at where nobody moves them.
const KIT_LEVEL: f64 = 100.0 / 127.0;

/// Seconds from one note to the next of those that are rendered alone.
const APART: f64 = 0.5;

/// Milliseconds that they are held at most.
const HOLD: u32 = 400;

/// How notes of one channel sound alone, by program, key, velocity and the milliseconds that they are held, from their first
/// frame on.
fn alone(place: &Place, name: &str, channel: u8, notes: &[(u8, u8, u8, u32)]) -> Vec<Vec<f32>> {
    // At 500 ticks a quarter note and 120 quarter notes a minute a tick is a millisecond.
    let ticks = |count: u32| [0x80 | (count >> 7) as u8, (count & 0x7f) as u8];
    let mut events = Vec::new();
    for (program, key, velocity, hold) in notes {
        events.extend([0, 0xc0 | channel, *program, 0, 0x90 | channel, *key, *velocity]);
        events.extend(ticks(*hold));
        events.extend([0x80 | channel, *key, 0]);
        events.extend(ticks(500 - hold));
        events.extend([0xb0 | channel, 120, 0]);
    }
    events.extend([0, 0xff, 0x2f, 0]);
    let file = place.write(&format!("{name}.mid"), midi(0, 500, &[&events]));
    let session = format!(
        "session:\n  tempo: 120\n  tracks:\n    all: {{ midi: {}, instrument: {{ builtin: soundfont, soundfont: {FONT} }} }}",
        file.display()
    );
    let output = format!("output: {{ path: \"{name}/{{name}}.wav\", bits: 16, deliver: [dry] }}");
    place.write(
        &format!("{name}.yaml"),
        format!("tonemill: 1\naudio: {{ sample_rate: {RATE} }}\n{session}\n{output}\n"),
    );
    place.run(&["render", &format!("{name}.yaml")]).expect(0);
    let sound = mono(&place.path(&format!("{name}/dry-all.wav")));
    let apart = frame(APART);
    (0..notes.len()).map(|index| sound[index * apart..(index + 1) * apart].to_vec()).collect()
}

/// How each drum that the songs use sounds, rendered alone.
struct Kit {
    /// By kit, key and velocity.
    sounds: BTreeMap<(u8, u8, u8), Vec<f32>>,
}

/// Velocities at which each drum is rendered: what is struck harder may be another recording.
const VELOCITIES: [u8; 4] = [120, 96, 64, 32];

impl Kit {
    fn rendered(place: &Place, songs: &BTreeMap<String, Vec<Note>>) -> Kit {
        let hits = songs.values().flatten().filter(|note| note.channel == DRUMS);
        let drums: BTreeSet<(u8, u8)> = hits.map(|note| (note.program, note.key)).collect();
        let all = || drums.iter().flat_map(|(kit, key)| VELOCITIES.map(|velocity| (*kit, *key, velocity)));
        let held: Vec<_> = all().map(|(kit, key, velocity)| (kit, key, velocity, HOLD)).collect();
        let sounds = alone(place, "kit", DRUMS, &held);
        Kit { sounds: all().zip(sounds).collect() }
    }

    /// The drum of a note as it sounds alone at the nearest of the velocities.
    fn sound(&self, note: &Note, key: u8) -> &[f32] {
        let nearest = VELOCITIES.into_iter().min_by_key(|velocity| velocity.abs_diff(note.velocity));
        &self.sounds[&(note.program, key, nearest.expect("there are velocities"))]
    }

    /// The keys of a kit that sound.
    fn keys(&self, program: u8) -> impl Iterator<Item = u8> {
        let loud = |sound: &[f32]| sound[..frame(0.02)].iter().any(|sample| sample.abs() > 0.01);
        let hard = VELOCITIES[0];
        let found = self.sounds.iter().filter(move |((kit, _, velocity), _)| (*kit, *velocity) == (program, hard));
        found.filter(move |(_, sound)| loud(sound)).map(|((_, key, _), _)| *key)
    }

    /// Where hits begin, and what they sound like.
    fn beside(&self, others: &[&Note]) -> Vec<(usize, &[f32])> {
        others.iter().map(|other| (frame(other.seconds), self.sound(other, other.key))).collect()
    }

    /// By how many frames a hit comes late where it stands clear of what sounded before; `None` elsewhere.
    fn lag(&self, sound: &[f32], note: &Note) -> Option<i64> {
        let at = frame(note.seconds);
        let (reach, length) = (frame(0.01), frame(0.02));
        let drum = &self.sound(note, note.key)[..length];
        let energy = |stretch: &[f32]| stretch.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>();
        let likeness = |from: usize| {
            let stretch = sound.get(from..from + length)?;
            let product: f64 = drum.iter().zip(stretch).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
            Some(product / (energy(drum) * energy(stretch)).sqrt().max(1e-12))
        };
        let clear = energy(sound.get(at.checked_sub(length)?..at)?) < 1e-3 * energy(sound.get(at..at + length)?);
        if !clear || likeness(at).is_none_or(|likeness| likeness < 0.5) && energy(drum) < 1e-4 {
            return None;
        }
        let best = (at.checked_sub(reach)?..=at + reach)
            .max_by(|a, b| likeness(*a).partial_cmp(&likeness(*b)).expect("numbers"));
        best.map(|best| best as i64 - at as i64)
    }
}

/// Seconds of a drum that are looked at.
const HIT: f64 = 0.02;

/// How much of `own` there is from a note's beginning on, for so many seconds, where the sound is taken for a sum of it and of
/// others, each with the frame at which it begins: 1 where it is as loud as it was rendered alone. `None` where it is silent.
fn share(sound: &[f32], note: &Note, own: &[f32], others: &[(usize, &[f32])], seconds: f64) -> Option<f64> {
    let at = frame(note.seconds);
    let window = sound.get(at..at + frame(seconds))?;
    // What each would give in the window.
    let part = |begins: usize, sound: &[f32]| -> Vec<f64> {
        let sample =
            |n: usize| n.checked_sub(begins).and_then(|n| sound.get(n)).map_or(0.0, |sample| f64::from(*sample));
        (at..at + window.len()).map(sample).collect()
    };
    let mut parts = vec![part(at, own)];
    if parts[0].iter().all(|sample| sample.abs() < 1e-3) {
        return None;
    }
    parts.extend(others.iter().map(|(begins, sound)| part(*begins, sound)));
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let window: Vec<f64> = window.iter().map(|sample| f64::from(*sample)).collect();
    let mut rows: Vec<Vec<f64>> = parts
        .iter()
        .map(|own| parts.iter().map(|other| product(own, other)).chain([product(own, &window)]).collect())
        .collect();
    // What is all but silent in the window, or as good as another, is held near 0.
    for (index, row) in rows.iter_mut().enumerate() {
        row[index] += 1e-4;
    }
    Some(solved(rows)[0])
}

/// The solution of linear equations, each a row that ends in its right side, by Gauss's elimination.
fn solved(mut rows: Vec<Vec<f64>>) -> Vec<f64> {
    let count = rows.len();
    for column in 0..count {
        let pivot = (column..count).max_by(|a, b| rows[*a][column].abs().total_cmp(&rows[*b][column].abs()));
        rows.swap(column, pivot.expect("there are rows left"));
        let own = rows[column].clone();
        for (index, row) in rows.iter_mut().enumerate().filter(|(index, _)| *index != column) {
            let factor = row[column] / own[column];
            debug_assert!(factor.is_finite(), "row {index}");
            row.iter_mut().zip(&own).for_each(|(value, own)| *value -= factor * own);
        }
    }
    rows.iter().enumerate().map(|(index, row)| row[count] / row[index]).collect()
}
