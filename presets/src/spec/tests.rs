use super::*;

fn read(text: &str) -> Result<DeviceSetup, String> {
    parse(text, Path::new("here")).map_err(|e| e.to_string())
}

#[test]
fn a_specification_names_device_id_and_settings() {
    let setup =
        read("clap:/usr/lib/clap/ZamTube.clap#com.zam@Tube Drive=3.5,Tone Stack=British,channels=dual_mono").unwrap();
    let plugin = "/usr/lib/clap/ZamTube.clap".to_owned();
    assert_eq!(setup.device, DeviceSpec::Clap(PluginFile { plugin, id: Some("com.zam".into()) }));
    assert_eq!(setup.params[0], Setting { parameter: "Tube Drive".into(), value: Value::Number(3.5) });
    assert_eq!(setup.params[1], Setting { parameter: "Tone Stack".into(), value: Value::Text("British".into()) });
    assert_eq!(setup.channels, ChannelPolicy::DualMono);
    let piano = read("vst3:mda-vst3#mda Piano@mode=realtime,#3=0.5").unwrap();
    let file = PluginFile { plugin: "mda-vst3".into(), id: Some("mda Piano".into()) };
    assert_eq!((piano.device, piano.mode), (DeviceSpec::Vst3(file), ProcessMode::Realtime));
    assert_eq!(piano.params, [Setting { parameter: "#3".into(), value: Value::Number(0.5) }]);
    assert_eq!(read("clap:a@mode=offline").unwrap(), read("clap:a").unwrap());
    let cabinet = read("builtin:cabinet@ir=v30.wav,Mix=50 %").unwrap();
    assert_eq!(cabinet.assets["ir"], Asset::File("here/v30.wav".into()));
}

#[test]
fn a_uri_is_taken_whole_and_a_bundle_has_its_plugin_behind_a_hash() {
    let lv2 = |plugin: &str, id: Option<&str>| {
        DeviceSpec::Lv2(PluginFile { plugin: plugin.to_owned(), id: id.map(str::to_owned) })
    };
    let uri = "http://x.org/plugins/amp#GUITARIX";
    let setup = read(&format!("lv2:{uri}@Drive=4,file.SoundFont=a.sf2")).unwrap();
    assert_eq!(setup.device, lv2(uri, None));
    assert_eq!(setup.params, [Setting { parameter: "Drive".into(), value: Value::Number(4.0) }]);
    assert_eq!(setup.assets["SoundFont"], Asset::File("here/a.sf2".into()));
    assert_eq!(display(&setup), format!("lv2:{uri}@file.SoundFont=here/a.sf2,Drive=4"));
    assert_eq!(parse(&display(&setup), Path::new("")).unwrap(), setup);
    assert_eq!(read(&format!("lv2:/a/amp.lv2#{uri}")).unwrap().device, lv2("/a/amp.lv2", Some(uri)));
    let at = bare(lv2("http://x.org/a@b,c=d#e", None));
    assert_eq!(parse(&display(&at), Path::new("")).unwrap(), at);
    assert_eq!(read("lv2:urn:x@file.A=1,file.A=2").unwrap_err(), "file.A is set twice. Remove one of the two");
}

#[test]
fn a_model_stands_behind_the_name_of_the_device_that_plays_it() {
    let setup = read("nam:amps/a\\@b.nam@input=calibrated,Interface=12.5 dBu,channels=downmix").unwrap();
    assert_eq!(setup.device, DeviceSpec::Builtin { name: "nam".into() });
    assert_eq!(setup.assets["model"], Asset::File("here/amps/a@b.nam".into()));
    assert_eq!(setup.params[0], Setting { parameter: "input".into(), value: Value::Text("calibrated".into()) });
    assert_eq!(setup.channels, ChannelPolicy::Downmix);
    assert_eq!(display(&setup), "nam:here/amps/a\\@b.nam@input=calibrated,Interface=12.5 dBu,channels=downmix");
    assert_eq!(parse(&display(&setup), Path::new("")).unwrap(), setup);
    let chump = read("nam:embedded:chump").unwrap();
    assert_eq!(chump.assets["model"], Asset::Embedded("chump".into()));
    assert_eq!(display(&chump), "nam:embedded:chump");
    assert_eq!(read("builtin:rnn@model=ts9.json").unwrap(), read("rnn:ts9.json").unwrap());
    assert_eq!(display(&read("builtin:nam@Input=raw").unwrap()), "builtin:nam@Input=raw");
}

#[test]
fn a_backslash_takes_special_characters_as_they_are() {
    let setup = read(r"clap:C:\Plugins\a\@b.clap@Attack\, fast=1\=2,#7=x@y").unwrap();
    assert_eq!(setup.device, DeviceSpec::Clap(PluginFile { plugin: r"C:\Plugins\a@b.clap".into(), id: None }));
    assert_eq!(setup.params[0], Setting { parameter: "Attack, fast".into(), value: Value::Text("1=2".into()) });
    assert_eq!(setup.params[1], Setting { parameter: "#7".into(), value: Value::Text("x@y".into()) });
}

#[test]
fn wrong_specifications_say_what_to_write() {
    for (text, message) in [
        (
            "gain",
            "\"gain\" does not say what kind of device it is. Write builtin:NAME, clap:PLUGIN, vst3:PLUGIN, lv2:PLUGIN, nam:FILE or rnn:FILE",
        ),
        (
            "au:Gain",
            "\"au:Gain\" does not say what kind of device it is. Write builtin:NAME, clap:PLUGIN, vst3:PLUGIN, lv2:PLUGIN, nam:FILE or rnn:FILE",
        ),
        (
            "nam:@A=1",
            "\"nam:@A=1\" names no device. Write builtin:NAME, clap:PLUGIN, vst3:PLUGIN, lv2:PLUGIN, nam:FILE or rnn:FILE",
        ),
        ("rnn:embedded:", "rnn = embedded: names nothing. Write embedded:NAME"),
        ("nam:a.nam@model=b.nam", "model is set twice. Remove one of the two"),
        (
            "nam:a.nam@mode=realtime",
            "mode makes no difference to nam: built-in devices render the same in each. Remove it",
        ),
        (
            "clap:@A=1",
            "\"clap:@A=1\" names no device. Write builtin:NAME, clap:PLUGIN, vst3:PLUGIN, lv2:PLUGIN, nam:FILE or rnn:FILE",
        ),
        (
            "vst3:",
            "\"vst3:\" names no device. Write builtin:NAME, clap:PLUGIN, vst3:PLUGIN, lv2:PLUGIN, nam:FILE or rnn:FILE",
        ),
        (
            "vst3:a#",
            "\"vst3:a#\" names no device. Write builtin:NAME, clap:PLUGIN, vst3:PLUGIN, lv2:PLUGIN, nam:FILE or rnn:FILE",
        ),
        ("vst3:a@mode=live", "mode = live is not known. Write offline or realtime"),
        (
            "builtin:gain@mode=realtime",
            "mode makes no difference to gain: built-in devices render the same in each. Remove it",
        ),
        ("builtin:gian", "there is no built-in device \"gian\". Did you mean \"gain\"?"),
        ("builtin:gain@Gain", "\"Gain\" sets nothing. Write Param=value, and a comma between two"),
        ("builtin:gain@Gain=", "\"Gain=\" sets nothing. Write Param=value, and a comma between two"),
        ("builtin:gain@Gain=1,Gain=2", "Gain is set twice. Remove one of the two"),
        ("builtin:gain@channels=mono", "channels = mono is not known. Write error, duplicate, dual_mono or downmix"),
        ("builtin:cabinet@ir=embedded:", "ir = embedded: names nothing. Write embedded:NAME"),
    ] {
        assert_eq!(read(text).unwrap_err(), message, "for {text}");
    }
}

#[test]
fn messages_name_every_format_there_is() {
    for format in PluginFormat::ALL {
        assert!(FORMS.contains(&format!("{}:PLUGIN", format.word())), "{FORMS}");
        assert!(FORMATS.contains(&format.word()));
    }
    for format in MODEL_FORMATS {
        assert!(FORMATS.contains(format) && FORMS.contains(&format!("{format}:FILE")), "{FORMS}");
        assert!(builtin::builtin(format).is_some_and(|found| found.assets == [builtin::MODEL]));
    }
}

#[test]
fn what_is_displayed_reads_as_the_same_device() {
    use proptest::prelude::*;
    let word = "[a-zA-Z#@=,\\\\][a-zA-Z0-9 #@=,\\\\]{0,8}[a-zA-Z,\\\\]";
    let params = prop::collection::btree_map(word, prop::num::f64::NORMAL, 0..4);
    let format = prop::sample::select(PluginFormat::ALL.to_vec());
    let mode = prop::sample::select(MODES.to_vec());
    proptest!(|(format in format, plugin in word, id in prop::option::of(word), params in params, mode in mode)| {
        let mut setup = bare(format.device(PluginFile { plugin, id }));
        setup.mode = mode.1;
        setup.params = params.into_iter().map(|(parameter, v)| Setting { parameter, value: Value::Number(v) }).collect();
        setup.channels = ChannelPolicy::Duplicate;
        prop_assert_eq!(parse(&display(&setup), Path::new("")).unwrap(), setup);
    });
}
