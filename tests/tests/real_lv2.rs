//! Real LV2 plugins, from package archives.

use std::path::Path;
use std::process::Command;

use tonemill_tests::{Place, midi, read_wav, repository, sine};

/// Whether a plugin's bundle is installed; says so on standard error if not.
fn installed(bundle: &str) -> bool {
    let there = Path::new("/usr/lib/lv2").join(bundle).join("manifest.ttl").exists();
    if !there {
        eprintln!("skipped: {bundle} is not installed; scripts/test brings it");
    }
    there
}

const SOUNDFONT: &str = "/usr/share/sounds/sf2/TimGM6mb.sf2";

fn peak(channels: &[Vec<f32>]) -> f32 {
    channels.iter().flatten().fold(0.0, |peak, sample| peak.max(sample.abs()))
}

#[test]
fn a_guitar_sounds_through_a_pedal_an_amplifier_and_a_cabinet_and_the_same_again() {
    if !["gxts9.lv2", "gx_amp.lv2", "gx_cabinet.lv2"].iter().all(|bundle| installed(bundle)) {
        return;
    }
    let place = Place::new();
    let tone = "tonemill: 1\nname: Chain\nchain:
  - { lv2: 'http://guitarix.sourceforge.net/plugins/gxts9#ts9sim', params: { Drive: 0.7 }, channels: downmix }
  - { lv2: gx_amp, params: { Distortion: 40, Tonestack Model: Bassman Style } }
  - { lv2: gx_cabinet.lv2, id: 'http://guitarix.sourceforge.net/plugins/gx_cabinet#CABINET' }\n";
    place.write("chain.yaml", tone);
    let guitar = repository().join("jobs/examples/data/guitar.flac");
    for output in ["one.wav", "two.wav"] {
        let ran = place.run(&["apply", guitar.to_str().unwrap(), output, "--tone", "chain.yaml", "--bits", "32f"]);
        ran.expect(0).says(&["Tonestack Model = Bassman Style"]);
    }
    let (one, two) = (read_wav(&place.path("one.wav")), read_wav(&place.path("two.wav")));
    assert!((0.01..2.0).contains(&peak(&one)), "the peak is {}", peak(&one));
    assert!(one == two, "two renders are the same to the bit");
}

#[test]
fn a_pedal_sounds_as_it_does_in_another_host() {
    if !installed("gxts9.lv2") || Command::new("lv2apply").arg("--version").output().is_err() {
        eprintln!("skipped: lv2apply is not installed; scripts/test brings it");
        return;
    }
    let place = Place::new();
    let input = place.wav("in.wav", 48_000, &[sine(48_000, 220.0, 0.5, 24_000)]);
    const PEDAL: &str = "http://guitarix.sourceforge.net/plugins/gxts9#ts9sim";
    let output = place.path("theirs.wav");
    let mut theirs = Command::new("lv2apply");
    let status = theirs.arg("-i").arg(&input).arg("-o").arg(&output).args(["-c", "fslider2_", "0.9", PEDAL]).status();
    assert!(status.unwrap().success());
    let parameter = format!("lv2:{PEDAL}@Drive=0.9");
    place.run(&["apply", "in.wav", "ours.wav", "--bits", "32f", "--device", &parameter]).expect(0);
    let (ours, theirs) = (read_wav(&place.path("ours.wav")), read_wav(&output));
    assert!(peak(&ours) > 0.01);
    assert_eq!(ours[0].len(), theirs[0].len());
    // The plugin's own smoothing starts from another place where blocks are shorter; beyond that only rounding differs.
    let worst = ours[0].iter().zip(&theirs[0]).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst < 1e-4, "they differ by {worst}");
}

/// Effects with one or two channels, as they come, and the bundles that they are in.
const DETERMINISTIC: [(&str, &str, usize); 16] = [
    ("gxts9.lv2", "http://guitarix.sourceforge.net/plugins/gxts9#ts9sim", 1),
    ("gx_bmp.lv2", "http://guitarix.sourceforge.net/plugins/gx_bmp_#_bmp_", 1),
    ("gx_fuzz.lv2", "http://guitarix.sourceforge.net/plugins/gx_fuzz_#fuzz_", 1),
    ("gx_alembic.lv2", "http://guitarix.sourceforge.net/plugins/gx_alembic#alembic", 1),
    ("gxautowah.lv2", "http://guitarix.sourceforge.net/plugins/gxautowah#wah", 1),
    ("gx_compressor.lv2", "http://guitarix.sourceforge.net/plugins/gx_compressor#_compressor", 1),
    ("gx_redeye.lv2", "http://guitarix.sourceforge.net/plugins/gx_redeye#chump", 1),
    ("gx_echo.lv2", "http://guitarix.sourceforge.net/plugins/gx_echo_stereo#_echo_stereo", 2),
    ("mda.lv2", "http://drobilla.net/plugins/mda/Overdrive", 2),
    ("mda.lv2", "http://drobilla.net/plugins/mda/RezFilter", 2),
    ("mda.lv2", "http://drobilla.net/plugins/mda/Dynamics", 2),
    ("mda.lv2", "http://drobilla.net/plugins/mda/Detune", 2),
    ("mda.lv2", "http://drobilla.net/plugins/mda/DubDelay", 2),
    ("mda.lv2", "http://drobilla.net/plugins/mda/Image", 2),
    ("mda.lv2", "http://drobilla.net/plugins/mda/Leslie", 2),
    ("a-reverb.lv2", "urn:ardour:a-reverb", 2),
];

#[test]
fn effects_sound_to_the_bit_as_they_do_in_another_host() {
    if Command::new("lv2apply").arg("--version").output().is_err() {
        eprintln!("skipped: lv2apply is not installed; scripts/test brings it");
        return;
    }
    let place = Place::new();
    let sides = [sine(48_000, 220.0, 0.4, 12_000), sine(48_000, 330.0, 0.3, 12_000)];
    for channels in [1, 2] {
        let input = place.wav("in.wav", 48_000, &sides[..channels]);
        let wanted = DETERMINISTIC.iter().filter(|(bundle, _, of)| *of == channels && installed(bundle));
        let wanted: Vec<&str> = wanted.map(|(_, uri, _)| *uri).collect();
        if wanted.is_empty() {
            continue;
        }
        // The other host runs one frame at a time, which is heard where something is smoothed once a block.
        let tones = wanted
            .iter()
            .enumerate()
            .map(|(number, uri)| format!("{{ name: t{number}, chain: [{{ lv2: '{uri}' }}] }}"));
        let tones = tones.collect::<Vec<_>>().join(", ");
        let job = format!(
            "tonemill: 1\naudio: {{ sample_rate: 48000, block_size: 1 }}\ninputs: in.wav\ntones: [{tones}]\noutput: {{ path: 'out{channels}/{{tone}}.wav', bits: 32f }}\n"
        );
        place.write("job.yaml", job);
        place.run(&["render", "job.yaml"]).expect(0);
        for (number, uri) in wanted.iter().enumerate() {
            let output = place.path("theirs.wav");
            let status = Command::new("lv2apply").arg("-i").arg(&input).arg("-o").arg(&output).arg(uri).status();
            assert!(status.unwrap().success(), "{uri}");
            let (ours, theirs) = (read_wav(&place.path(&format!("out{channels}/t{number}.wav"))), read_wav(&output));
            assert!(peak(&ours) > 0.01, "{uri} is silent");
            let bits = |channels: &[Vec<f32>]| channels.iter().flatten().map(|s| s.to_bits()).collect::<Vec<u32>>();
            assert!(bits(&ours) == bits(&theirs), "{uri} sounds otherwise");
        }
    }
}

#[test]
fn an_impulse_comes_out_of_a_convolver_as_its_impulse_response() {
    if !installed("zeroconvo.lv2") {
        return;
    }
    const CONVOLVER: &str = "http://gareus.org/oss/lv2/zeroconvolv#CfgMono";
    let place = Place::new();
    let mut impulse = vec![0.0; 8000];
    impulse[0] = 1.0;
    let mut response = vec![0.0; 3000];
    (response[0], response[10], response[2500]) = (0.5, -0.25, 0.125);
    place.wav("in.wav", 48_000, &[impulse]);
    let file = place.wav("ir.wav", 48_000, &[response.clone()]);
    response.resize(8000, 0.0);
    let by_file = format!("lv2:{CONVOLVER}@file.Impulse Response=ir.wav");
    let state = place.path("captured.state");
    place.run(&["preset", "capture", &by_file, "-o", "captured.yaml"]).expect(0);
    let text = std::fs::read_to_string(&state).unwrap();
    assert!(text.contains(file.canonicalize().unwrap().to_str().unwrap()), "{text}");
    let by_state = format!("lv2:{CONVOLVER}@state=captured.state");
    for (name, arguments) in
        [("file", ["--device", &by_file]), ("state", ["--device", &by_state]), ("preset", ["--tone", "captured.yaml"])]
    {
        let output = format!("{name}.wav");
        let mut all = vec!["apply", "in.wav", &output, "--bits", "32f"];
        all.extend(arguments);
        place.run(&all).expect(0);
        let heard = read_wav(&place.path(&output));
        // The transforms are in single precision.
        let worst = heard[0].iter().zip(&response).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < 1e-5, "{name}: it differs from the response by {worst}");
    }
}

#[test]
fn instruments_play_a_song_with_the_soundfont_that_they_are_given() {
    let place = Place::new();
    let song = repository().join("jobs/examples/data/song.mid");
    let render = |instrument: &str| {
        let job = format!(
            "tonemill: 1\nsession:\n  tempo: from_midi\n  tracks:\n    one: {{ midi: {{ file: {}, track: 1 }}, instrument: {instrument} }}\noutput: {{ path: 'out/{{name}}.wav', bits: 32f, length: {{ tail: 2 s }}, collision: overwrite }}\n",
            song.display()
        );
        place.write("song.yaml", job);
        place.run(&["render", "song.yaml"]).expect(0);
        let line = &place.manifest("out/manifest.jsonl")[0];
        let sound = read_wav(&place.path(&format!("out/{}", line["path"].as_str().unwrap())));
        std::fs::remove_dir_all(place.path("out")).unwrap();
        sound
    };
    if installed("mda.lv2") {
        assert!(peak(&render("{ lv2: 'http://drobilla.net/plugins/mda/Piano' }")) > 0.01);
    }
    if !Path::new(SOUNDFONT).exists() {
        eprintln!("skipped: {SOUNDFONT} is not installed; scripts/test brings it");
        return;
    }
    for (bundle, uri, role) in [
        ("calf.lv2", "http://calf.sourceforge.net/plugins/Fluidsynth", "soundfont"),
        ("a-fluidsynth.lv2", "urn:ardour:a-fluidsynth", "SF2 File"),
    ] {
        if installed(bundle) {
            let with = format!("{{ lv2: '{uri}', files: {{ {role}: {SOUNDFONT} }} }}");
            let (sound, again) = (render(&with), render(&with));
            assert!(peak(&sound) > 0.01, "{bundle} is silent");
            assert!(sound == again, "{bundle} sounds otherwise the second time");
            let ran = place.run(&["plugins", "show", &format!("lv2:{uri}@file.nothing={SOUNDFONT}")]);
            ran.expect(2).says(&["takes no file"]);
        }
    }
}

#[test]
fn the_first_hit_of_a_drum_track_is_heard_in_full_as_the_same_hit_is_later() {
    if !installed("avldrums.lv2") {
        return;
    }
    let place = Place::new();
    // A bass drum on the first frame and another three seconds later: 480 ticks a beat, 120 beats a minute.
    let hits = b"\0\x99\x24\x64\x81\x70\x89\x24\0\x94\x50\x99\x24\x64\x81\x70\x89\x24\0\0\xff\x2f\0";
    place.write("drums.mid", midi(0, 480, &[hits]));
    for kit in ["BlackPearl", "RedZeppelin"] {
        let job = format!(
            "tonemill: 1\nsession: {{ tempo: 120, tracks: {{ drums: {{ midi: {{ file: drums.mid }}, instrument: {{ lv2: 'http://gareus.org/oss/lv2/avldrums#{kit}' }} }} }} }}\noutput: {{ path: '{kit}/{{name}}.wav', bits: 32f, length: 5 s }}\n"
        );
        place.write("job.yaml", job);
        place.run(&["render", "job.yaml"]).expect(0);
        let line = &place.manifest(&format!("{kit}/manifest.jsonl"))[0];
        let sound = read_wav(&place.path(kit).join(line["path"].as_str().unwrap()));
        let (first, later) = (&sound[0][..96_000], &sound[0][144_000..240_000]);
        assert!(peak(&[first.to_vec()]) > 0.1, "{kit} is silent");
        let worst = first.iter().zip(later).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        // Rounding in what is left of the first hit is all that may differ.
        assert!(worst < 1e-6, "{kit}: the hits differ by {worst}");
    }
}

#[test]
fn a_plugin_that_does_not_exist_is_missed_among_all_that_are_installed() {
    if !installed("gx_amp.lv2") {
        return;
    }
    let place = Place::new();
    place.run(&["plugins", "show", "lv2:http://guitarix.sourceforge.net/plugins/gx_amp#GUITARIS"]).expect(2).says(&[
        "no LV2 plugin has the name or id \"http://guitarix.sourceforge.net/plugins/gx_amp#GUITARIS\". Did you mean \"http://guitarix.sourceforge.net/plugins/gx_amp#GUITARIX",
    ]);
}
