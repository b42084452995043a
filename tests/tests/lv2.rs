//! LV2 plugins through the command, with those that misbehave on purpose.

use tonemill_fixtures::lv2;
use tonemill_tests::{Place, read_wav};

#[test]
fn a_plugin_is_found_by_its_uri_by_its_bundle_and_in_a_plan_by_both() {
    let place = Place::new();
    let bundle = lv2::bundle(&place.path("plugins"), "fixtures").canonicalize().unwrap();
    let uri = lv2::uri("gain");
    place.wav("in.wav", 48_000, &[vec![0.5; 1000]]);
    for (number, device) in [
        format!("lv2:{uri}@gain=-6.0206 dB"),
        format!("lv2:plugins/fixtures.lv2#{uri}@gain=-6.0206"),
        "lv2:fixtures#Fixture gain@gain=-6.0206,mode=offline".to_owned(),
    ]
    .iter()
    .enumerate()
    {
        let output = format!("{number}.wav");
        place.run(&["apply", "in.wav", &output, "--bits", "32f", "--device", device]).expect(0);
        let sound = read_wav(&place.path(&output));
        assert!(sound[0].iter().all(|sample| (sample + 0.25).abs() < 1e-5), "{device}: {:?}", &sound[0][..4]);
    }
    let job = format!(
        "tonemill: 1\ninputs: in.wav\ntones: [{{ name: Gain, chain: [{{ lv2: '{uri}', params: {{ gain: Silent }} }}] }}]\noutput: {{ path: 'out/{{tone}}.wav' }}\n"
    );
    place.write("job.yaml", job);
    let plan = place.run(&["plan", "job.yaml"]).expect(0).out;
    let file = format!(r#""device":{{"format":"lv2","plugin":"{}","id":"{uri}"}}"#, bundle.display());
    assert!(plan.contains(&file), "{plan}");
    assert!(plan.contains(r##""parameter":"#2","value":-60.0"##), "{plan}");
    place.run(&["render", "job.yaml"]).expect(0);
    let device = &place.manifest("out/manifest.jsonl")[0];
    assert!(device.to_string().contains(r#""text":"Silent""#), "{device}");
    let list = place.run(&["plugins", "list", "--format", "lv2"]).expect(0).out;
    assert!(list.contains("Fixture echo") && list.contains(&lv2::uri("echo")), "{list}");
}

#[test]
fn a_file_of_a_plugin_is_relative_to_its_preset_checked_and_in_the_manifest() {
    let place = Place::new();
    lv2::bundle(&place.path("plugins"), "fixtures");
    place.wav("in.wav", 48_000, &[vec![0.5; 1000]]);
    place.write("tones/sound.raw", [128]);
    let tone = |file: &str| {
        format!(
            "tonemill: 1\nname: File\nchain: [{{ lv2: '{}', files: {{ Sample File: {file} }} }}]\n",
            lv2::uri("file")
        )
    };
    place.write("tones/file.yaml", tone("sound.raw"));
    place.write(
        "job.yaml",
        "tonemill: 1\ninputs: in.wav\ntones: tones/file.yaml\noutput: { path: 'out/{tone}.wav', bits: 32f }\n",
    );
    place.run(&["render", "job.yaml"]).expect(0);
    let manifest = &place.manifest("out/manifest.jsonl")[0];
    assert!(
        read_wav(&place.path("out").join(manifest["path"].as_str().unwrap()))[0].iter().all(|sample| *sample == 0.5)
    );
    assert!(manifest.to_string().contains("tones/sound.raw"), "{manifest}");
    place.write("tones/file.yaml", tone("missing.raw"));
    place.run(&["render", "job.yaml"]).expect(2).says(&["tones/file.yaml:3:", "missing.raw"]);
    // A captured preset names the same file.
    let device = format!("lv2:{}@file.Sample File=tones/sound.raw", lv2::uri("file"));
    place.run(&["preset", "capture", &device, "-o", "captured.yaml"]).expect(0);
    place.run(&["apply", "in.wav", "captured.wav", "--bits", "32f", "--tone", "captured.yaml"]).expect(0);
    assert!(read_wav(&place.path("captured.wav"))[0].iter().all(|sample| *sample == 0.5));
}

#[test]
fn a_plugin_that_crashes_or_cannot_be_loaded_costs_no_more_than_its_task() {
    let place = Place::new();
    lv2::bundle(&place.path("plugins"), "fixtures");
    place.wav("in.wav", 48_000, &[vec![0.5; 1000]]);
    let tone = |name: &str| format!("{{ name: {name}, chain: [{{ lv2: '{}' }}] }}", lv2::uri(name));
    let job = |names: &[&str]| {
        let tones: Vec<String> = names.iter().map(|name| tone(name)).collect();
        format!("tonemill: 1\ninputs: in.wav\ntones: [{}]\noutput: {{ path: 'out/{{tone}}.wav' }}\n", tones.join(", "))
    };
    place.write("job.yaml", job(&["gain", "nan"]));
    place.run(&["render", "job.yaml"]).expect(10).says(&["nan", "not finite"]);
    assert!(place.path("out/gain.wav").exists() && !place.path("out/nan.wav").exists());
    for (name, reason) in [
        ("needs", "it requires what this host does not offer: urn:tonemill:nobody-offers-this"),
        ("refuses", "it refuses to be made for 48000 Hz"),
    ] {
        place.write("job.yaml", job(&[name]));
        place.run(&["render", "job.yaml"]).expect(2).says(&[reason]);
    }
    place.write("job.yaml", job(&["crash", "latency"]));
    place.run(&["render", "job.yaml"]).expect(10).says(&["crash"]);
    assert!(place.path("out/latency.wav").exists());
}
