use super::*;

fn read(text: &str) -> Result<DeviceSetup, String> {
    parse(text, Path::new("here")).map_err(|e| e.to_string())
}

#[test]
fn a_specification_names_device_id_and_settings() {
    let setup =
        read("clap:/usr/lib/clap/ZamTube.clap#com.zam@Tube Drive=3.5,Tone Stack=British,channels=dual_mono").unwrap();
    let plugin = "/usr/lib/clap/ZamTube.clap".to_owned();
    assert_eq!(setup.device, DeviceSpec::Clap { plugin, id: Some("com.zam".into()) });
    assert_eq!(setup.params[0], Setting { parameter: "Tube Drive".into(), value: Value::Number(3.5) });
    assert_eq!(setup.params[1], Setting { parameter: "Tone Stack".into(), value: Value::Text("British".into()) });
    assert_eq!(setup.channels, ChannelPolicy::DualMono);
    let cabinet = read("builtin:cabinet@ir=v30.wav,Mix=50 %").unwrap();
    assert_eq!(cabinet.assets["ir"], Asset::File("here/v30.wav".into()));
}

#[test]
fn a_backslash_takes_special_characters_as_they_are() {
    let setup = read(r"clap:C:\Plugins\a\@b.clap@Attack\, fast=1\=2,#7=x@y").unwrap();
    assert_eq!(setup.device, DeviceSpec::Clap { plugin: r"C:\Plugins\a@b.clap".into(), id: None });
    assert_eq!(setup.params[0], Setting { parameter: "Attack, fast".into(), value: Value::Text("1=2".into()) });
    assert_eq!(setup.params[1], Setting { parameter: "#7".into(), value: Value::Text("x@y".into()) });
}

#[test]
fn wrong_specifications_say_what_to_write() {
    for (text, message) in [
        ("gain", "\"gain\" does not say what kind of device it is. Write builtin:NAME or clap:PLUGIN"),
        ("au:Gain", "\"au:Gain\" does not say what kind of device it is. Write builtin:NAME or clap:PLUGIN"),
        ("lv2:http", "lv2 devices are not part of this version. Use clap or builtin devices"),
        ("clap:@A=1", "\"clap:@A=1\" names no device. Write builtin:NAME or clap:PLUGIN"),
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
fn what_is_displayed_reads_as_the_same_device() {
    use proptest::prelude::*;
    let word = "[a-zA-Z#@=,\\\\][a-zA-Z0-9 #@=,\\\\]{0,8}[a-zA-Z,\\\\]";
    let params = prop::collection::btree_map(word, prop::num::f64::NORMAL, 0..4);
    proptest!(|(plugin in word, id in prop::option::of(word), params in params)| {
        let mut setup = bare(DeviceSpec::Clap { plugin, id });
        setup.params = params.into_iter().map(|(parameter, v)| Setting { parameter, value: Value::Number(v) }).collect();
        setup.channels = ChannelPolicy::Duplicate;
        prop_assert_eq!(parse(&display(&setup), Path::new("")).unwrap(), setup);
    });
}
