//! The names that LV2 gives to things.

macro_rules! names {
    ($($prefix:literal: $($name:ident = $rest:literal),+ $(,)?;)+) => {
        $($(pub(super) const $name: &str = concat!($prefix, $rest);)+)+
    };
}

names! {
    "http://www.w3.org/1999/02/22-rdf-syntax-ns#":
        TYPE = "type", FIRST = "first", REST = "rest", VALUE = "value";
    "http://www.w3.org/2000/01/rdf-schema#":
        SEE_ALSO = "seeAlso", LABEL = "label", RANGE = "range";
    "http://www.w3.org/2001/XMLSchema#":
        XSD_BOOLEAN = "boolean", XSD_INT = "int", XSD_INTEGER = "integer", XSD_LONG = "long",
        XSD_NON_NEGATIVE = "nonNegativeInteger", XSD_FLOAT = "float", XSD_DOUBLE = "double",
        XSD_DECIMAL = "decimal", XSD_BASE64 = "base64Binary";
    "http://usefulinc.com/ns/doap#":
        DOAP_NAME = "name", DOAP_MAINTAINER = "maintainer", DOAP_DEVELOPER = "developer";
    "http://xmlns.com/foaf/0.1/":
        FOAF_NAME = "name";
    "http://lv2plug.in/ns/lv2core#":
        PLUGIN = "Plugin", INSTRUMENT = "InstrumentPlugin", BINARY = "binary", PORT = "port", INDEX = "index",
        SYMBOL = "symbol", NAME = "name", DEFAULT = "default", MINIMUM = "minimum", MAXIMUM = "maximum",
        PORT_PROPERTY = "portProperty", SCALE_POINT = "scalePoint", DESIGNATION = "designation",
        AUDIO_PORT = "AudioPort", CONTROL_PORT = "ControlPort", CV_PORT = "CVPort", INPUT = "InputPort",
        OUTPUT = "OutputPort", TOGGLED = "toggled", INTEGER = "integer", ENUMERATION = "enumeration",
        SAMPLE_RATE = "sampleRate", REPORTS_LATENCY = "reportsLatency", LATENCY = "latency",
        FREE_WHEELING = "freeWheeling", ENABLED = "enabled", CONNECTION_OPTIONAL = "connectionOptional",
        IS_SIDE_CHAIN_OLD = "isSideChain",
        REQUIRED_FEATURE = "requiredFeature", MINOR_VERSION = "minorVersion", MICRO_VERSION = "microVersion",
        PROJECT = "project", APPLIES_TO = "appliesTo",
        IS_LIVE = "isLive", HARD_RT_CAPABLE = "hardRTCapable", IN_PLACE_BROKEN = "inPlaceBroken";
    "http://lv2plug.in/ns/ext/atom#":
        ATOM_PORT = "AtomPort", ATOM_SUPPORTS = "supports", ATOM_SEQUENCE = "Sequence", ATOM_CHUNK = "Chunk",
        ATOM_INT = "Int", ATOM_LONG = "Long", ATOM_FLOAT = "Float", ATOM_DOUBLE = "Double", ATOM_BOOL = "Bool",
        ATOM_STRING = "String", ATOM_PATH = "Path", ATOM_URI = "URI", ATOM_URID = "URID", ATOM_OBJECT = "Object",
        ATOM_BLANK = "Blank", ATOM_RESOURCE = "Resource", ATOM_VECTOR = "Vector", ATOM_CHILD_TYPE = "childType";
    "http://lv2plug.in/ns/ext/midi#":
        MIDI_EVENT = "MidiEvent";
    "http://lv2plug.in/ns/ext/time#":
        TIME = "", TIME_POSITION = "Position", TIME_FRAME = "frame", TIME_SPEED = "speed", TIME_BAR = "bar",
        TIME_BAR_BEAT = "barBeat", TIME_BEAT = "beat", TIME_BEAT_UNIT = "beatUnit",
        TIME_BEATS_PER_BAR = "beatsPerBar", TIME_BEATS_PER_MINUTE = "beatsPerMinute",
        TIME_FRAMES_PER_SECOND = "framesPerSecond";
    "http://lv2plug.in/ns/ext/patch#":
        PATCH_WRITABLE = "writable", PATCH_READABLE = "readable", PATCH_MESSAGE = "Message", PATCH_SET = "Set",
        PATCH_GET = "Get", PATCH_PUT = "Put", PATCH_PROPERTY = "property",
        PATCH_VALUE = "value", PATCH_BODY = "body";
    "http://lv2plug.in/ns/ext/urid#":
        URID_MAP = "map", URID_UNMAP = "unmap";
    "http://lv2plug.in/ns/ext/options#":
        OPTIONS = "options", REQUIRED_OPTION = "requiredOption";
    "http://lv2plug.in/ns/ext/buf-size#":
        BOUNDED_BLOCK = "boundedBlockLength", FIXED_BLOCK = "fixedBlockLength",
        POWER_OF_2_BLOCK = "powerOf2BlockLength", COARSE_BLOCK = "coarseBlockLength", MIN_BLOCK = "minBlockLength",
        MAX_BLOCK = "maxBlockLength", NOMINAL_BLOCK = "nominalBlockLength", BYTES_OF_SEQUENCE = "sequenceSize";
    "http://lv2plug.in/ns/ext/parameters#":
        PARAM_SAMPLE_RATE = "sampleRate";
    "http://lv2plug.in/ns/ext/worker#":
        WORKER_SCHEDULE = "schedule", WORKER_INTERFACE = "interface";
    "http://lv2plug.in/ns/ext/state#":
        STATE_INTERFACE = "interface", STATE_STATE = "state", MAP_PATH = "mapPath", MAKE_PATH = "makePath",
        FREE_PATH = "freePath", LOAD_DEFAULT_STATE = "loadDefaultState",
        THREAD_SAFE_RESTORE = "threadSafeRestore";
    "http://lv2plug.in/ns/ext/log#":
        LOG = "log", LOG_ERROR = "Error", LOG_WARNING = "Warning", LOG_TRACE = "Trace";
    "http://lv2plug.in/ns/ext/presets#":
        PRESET = "Preset", PRESET_VALUE = "value";
    "http://lv2plug.in/ns/ext/port-groups#":
        LEFT = "left", RIGHT = "right", GROUP = "group", MAIN_INPUT = "mainInput", MAIN_OUTPUT = "mainOutput", SIDE_CHAIN_OF = "sideChainOf";
    "http://lv2plug.in/ns/ext/port-props#":
        IS_SIDE_CHAIN = "isSideChain", NOT_ON_GUI = "notOnGUI", NOT_AUTOMATIC = "notAutomatic",
        EXPENSIVE = "expensive";
    "http://lv2plug.in/ns/ext/resize-port#":
        MINIMUM_SIZE = "minimumSize";
    "http://lv2plug.in/ns/extensions/units#":
        UNIT = "unit", UNIT_SYMBOL = "symbol", UNIT_RENDER = "render", UNITS = "";
    "http://lv2plug.in/ns/ext/instance-access":
        INSTANCE_ACCESS = "";
}
