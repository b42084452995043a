//! FLAC, MP3 and Ogg Vorbis through `symphonia`.

use std::io::{self, Read, Seek};

use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, TrackType};
use symphonia::core::io::{MediaSource, MediaSourceStream};
use symphonia::core::meta::MetadataOptions;

use super::sniff::Kind;
use super::{ReadProblem, Recording, Shape, Source, checked_shape};
use crate::Buffer;

impl<S: Read + Seek + Send + Sync> MediaSource for Source<S> {
    fn is_seekable(&self) -> bool {
        true
    }

    fn byte_len(&self) -> Option<u64> {
        Some(self.length)
    }
}

/// An opened file with its one audio track.
struct Opened {
    format: Box<dyn FormatReader>,
    codec: AudioCodecParameters,
    track: u32,
    /// Frames that the decoder gives too early, to cut off by hand.
    delay: u64,
    /// Frames that the decoder gives too late, to cut off by hand.
    padding: u64,
    /// Frames that the file promises behind that, where it is known to be more than an estimate.
    promised: Option<u64>,
}

fn open<S: Read + Seek + Send + Sync + 'static>(source: Source<S>, kind: Kind) -> Result<Opened, ReadProblem> {
    let mut hint = Hint::new();
    hint.with_extension(match kind {
        Kind::Wav => "wav",
        Kind::Flac => "flac",
        Kind::Mp3 => "mp3",
        Kind::Ogg => "ogg",
    });
    let stream = MediaSourceStream::new(Box::new(source), Default::default());
    let format = symphonia::default::get_probe()
        .probe(&hint, stream, FormatOptions::default(), MetadataOptions::default())
        .map_err(problem)?;
    let track = format
        .default_track(TrackType::Audio)
        .ok_or_else(|| ReadProblem::Unsupported { what: "a file without a track of known coding".to_owned() })?;
    let codec = track
        .codec_params
        .as_ref()
        .and_then(|params| params.audio())
        .ok_or_else(|| ReadProblem::Unsupported { what: "its coding".to_owned() })?
        .clone();

    // Without a LAME tag, the library's length of an MP3 is an estimate from the first frame's bit rate, and its own
    // gapless mode would cut the file there. So MP3 is trimmed here, from the tag alone.
    let (mut delay, mut padding, mut promised) = (0, 0, track.num_frames);
    if kind == Kind::Mp3 {
        delay = track.delay.unwrap_or(0).into();
        padding = track.padding.unwrap_or(0).into();
        promised = promised.filter(|_| track.delay.is_some());
    }
    let track = track.id;
    Ok(Opened { format, codec, track, delay, padding, promised: promised.filter(|&frames| frames > 0) })
}

pub(super) fn read<S: Read + Seek + Send + Sync + 'static>(
    mut source: Source<S>,
    kind: Kind,
) -> Result<Recording, ReadProblem> {
    require_end(&mut source, kind)?;
    let mut opened = open(source, kind)?;
    let options = AudioDecoderOptions::default().gapless(kind != Kind::Mp3).verify(kind == Kind::Flac);
    let mut decoder = decoder(&opened, &options)?;
    let mut channels: Vec<Vec<f32>> = Vec::new();
    let mut block: Vec<Vec<f32>> = Vec::new();
    let mut sample_rate = 0;
    while let Some(packet) = opened.format.next_packet().map_err(problem)? {
        if packet.track_id != opened.track {
            continue;
        }
        let decoded = decoder.decode(&packet).map_err(problem)?;
        let spec = decoded.spec();
        if channels.is_empty() {
            channels = vec![Vec::new(); spec.channels().count()];
            sample_rate = spec.rate();
            checked_shape(1, channels.len() as u64, sample_rate.into())?;
        }
        if spec.channels().count() != channels.len() || spec.rate() != sample_rate {
            return Err(ReadProblem::damaged("channels or sample rate change in the middle"));
        }
        decoded.copy_to_vecs_planar(&mut block);
        for (to, from) in channels.iter_mut().zip(&block) {
            to.extend_from_slice(from);
        }
    }
    if decoder.finalize().verify_ok == Some(false) {
        // Missing frames are the likelier cause, and the more useful message.
        let present = channels.first().map_or(0, Vec::len) as u64;
        require_promised(opened.promised, present)?;
        return Err(ReadProblem::damaged("the decoded audio does not match the checksum that the file carries"));
    }
    let decoded = channels.first().map_or(0, Vec::len) as u64;
    let frames = trimmed(&opened, decoded);
    for samples in &mut channels {
        samples.drain(..opened.delay.min(decoded) as usize);
        samples.truncate(frames as usize);
    }
    require_promised(opened.promised, frames)?;
    checked_shape(frames, channels.len() as u64, sample_rate.into())?;
    let bits = match kind {
        Kind::Flac => opened.codec.bits_per_sample.and_then(|bits| u16::try_from(bits).ok()),
        _ => None,
    };
    Ok(Recording { buffer: Buffer::from_channels(channels), sample_rate: crate::SampleRate(sample_rate), bits })
}

pub(super) fn probe<S: Read + Seek + Send + Sync + 'static>(
    mut source: Source<S>,
    kind: Kind,
) -> Result<Shape, ReadProblem> {
    // FLAC arrives here only when its end looked wrong.
    if kind == Kind::Flac {
        let recording = read(source, kind)?;
        let channels = recording.buffer.channel_count() as u64;
        return checked_shape(recording.buffer.frames() as u64, channels, recording.sample_rate.0.into());
    }
    require_end(&mut source, kind)?;
    let mut opened = open(source, kind)?;
    let mut counted = 0u64;
    while let Some(packet) = opened.format.next_packet().map_err(problem)? {
        if packet.track_id == opened.track {
            let frames = match kind {
                // The library does not settle whether an MP3 packet's duration includes delay and padding, so the
                // packet's own header is asked: layer III has 1,152 frames in MPEG-1 and half of that in MPEG-2 and 2.5.
                Kind::Mp3 if packet.data.get(1).is_some_and(|byte| byte & 0x18 == 0x18) => 1_152,
                Kind::Mp3 => 576,
                _ => packet.dur.get(),
            };
            counted = counted.saturating_add(frames);
        }
    }
    let frames = trimmed(&opened, counted);
    require_promised(opened.promised, frames)?;
    let channels = opened.codec.channels.as_ref().map_or(0, |channels| channels.count());
    checked_shape(frames, channels as u64, opened.codec.sample_rate.unwrap_or(0).into())
}

fn decoder(opened: &Opened, options: &AudioDecoderOptions) -> Result<Box<dyn AudioDecoder>, ReadProblem> {
    symphonia::default::get_codecs().make_audio_decoder(&opened.codec, options).map_err(problem)
}

fn trimmed(opened: &Opened, decoded: u64) -> u64 {
    decoded.saturating_sub(opened.delay).saturating_sub(opened.padding)
}

fn require_promised(promised: Option<u64>, present: u64) -> Result<(), ReadProblem> {
    match promised {
        Some(promised) if present < promised => Err(ReadProblem::Truncated { promised, present, unit: "frames" }),
        Some(promised) if present > promised => {
            Err(ReadProblem::damaged(format!("the header promises {promised} frames and there are {present}")))
        }
        _ => Ok(()),
    }
}

/// Checks at the file's end what the library does not.
fn require_end<S: Read + Seek>(source: &mut Source<S>, kind: Kind) -> Result<(), ReadProblem> {
    match kind {
        Kind::Flac => super::flac::require_audio(source),
        Kind::Ogg => require_last_page(source),
        _ => Ok(()),
    }
}

/// Checks that an Ogg file ends with a complete page that is marked as the last. An Ogg header promises no length, so
/// this mark is the only way to tell a whole file from part of one.
fn require_last_page<S: Read + Seek>(source: &mut Source<S>) -> Result<(), ReadProblem> {
    // A page has at most 65,307 bytes.
    let start = source.length.saturating_sub(65_307);
    source.seek(io::SeekFrom::Start(start)).map_err(ReadProblem::from_io)?;
    let mut tail = Vec::new();
    source.read_to_end(&mut tail).map_err(ReadProblem::from_io)?;
    source.seek(io::SeekFrom::Start(0)).map_err(ReadProblem::from_io)?;
    let is_last_page = |page: &[u8]| {
        let segments = usize::from(page[26]);
        let lengths = page.get(27..27 + segments);
        let body: Option<usize> = lengths.map(|lengths| lengths.iter().map(|&n| usize::from(n)).sum());
        page[5] & 4 != 0 && body.is_some_and(|body| 27 + segments + body == page.len())
    };
    let ends =
        (0..tail.len().saturating_sub(26)).any(|at| tail[at..].starts_with(b"OggS") && is_last_page(&tail[at..]));
    if ends { Ok(()) } else { Err(ReadProblem::EndMissing { missing: "its last page is not marked as the end" }) }
}

fn problem(error: Error) -> ReadProblem {
    match error {
        Error::IoError(error) => ReadProblem::from_io(error),
        Error::DecodeError(what) => ReadProblem::damaged(what),
        Error::Unsupported(what) => ReadProblem::Unsupported { what: what.to_owned() },
        Error::LimitError(what) => ReadProblem::damaged(format!("a limit was exceeded: {what}")),
        Error::SeekError(_) => ReadProblem::damaged("a position in it cannot be reached"),
        Error::ResetRequired => ReadProblem::Unsupported { what: "a chain of several streams in one file".to_owned() },
        other => ReadProblem::damaged(other.to_string()),
    }
}
