//! FLAC, MP3 and Ogg Vorbis through `symphonia`.

use std::io::{self, Read, Seek};
use std::ops::Range;

use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, TrackType};
use symphonia::core::io::{MediaSource, MediaSourceStream};
use symphonia::core::meta::MetadataOptions;

use super::recorded::Decode;
use super::sniff::Kind;
use super::source::{Bytes, Source};
use super::{ReadProblem, Shape, checked_shape};
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

fn open<S: Bytes>(source: Source<S>, kind: Kind) -> Result<Opened, ReadProblem> {
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

/// Decodes a file whose shape is known. Gives the significant bits of its samples where there is such a number.
pub(super) fn decode<S: Bytes>(
    source: Source<S>,
    kind: Kind,
    shape: Shape,
) -> Result<(Option<u16>, Box<dyn Decode>), ReadProblem> {
    let packets = Packets::open(source, kind)?;
    let bits = match kind {
        Kind::Flac => packets.opened.codec.bits_per_sample.and_then(|bits| u16::try_from(bits).ok()),
        _ => None,
    };
    let skip = packets.opened.delay;
    Ok((bits, Box::new(Decoding { packets, shape, at: 0, skip })))
}

/// The packets of a file as they are decoded, one after the other.
struct Packets {
    opened: Opened,
    decoder: Box<dyn AudioDecoder>,
    /// The packet at hand; what no packet needs is not held.
    block: Vec<Vec<f32>>,
    channels: usize,
    sample_rate: u32,
    /// Frames decoded so far, delay and padding included.
    decoded: u64,
}

impl Packets {
    fn open<S: Bytes>(mut source: Source<S>, kind: Kind) -> Result<Packets, ReadProblem> {
        require_end(&mut source, kind)?;
        let opened = open(source, kind)?;
        let options = AudioDecoderOptions::default().gapless(kind != Kind::Mp3).verify(kind == Kind::Flac);
        let decoder = symphonia::default::get_codecs().make_audio_decoder(&opened.codec, &options).map_err(problem)?;
        Ok(Packets { opened, decoder, block: Vec::new(), channels: 0, sample_rate: 0, decoded: 0 })
    }

    /// Decodes the next packet into the block. Gives its frames, `None` behind the last.
    fn next(&mut self) -> Result<Option<usize>, ReadProblem> {
        loop {
            let Some(packet) = self.opened.format.next_packet().map_err(problem)? else { return Ok(None) };
            if packet.track_id != self.opened.track {
                continue;
            }
            let decoded = self.decoder.decode(&packet).map_err(problem)?;
            let (channels, rate) = (decoded.spec().channels().count(), decoded.spec().rate());
            if self.channels == 0 {
                checked_shape(1, channels as u64, rate.into())?;
                (self.channels, self.sample_rate) = (channels, rate);
            }
            if (channels, rate) != (self.channels, self.sample_rate) {
                return Err(ReadProblem::damaged("channels or sample rate change in the middle"));
            }
            decoded.copy_to_vecs_planar(&mut self.block);
            let frames = self.block.first().map_or(0, Vec::len);
            self.decoded += frames as u64;
            return Ok(Some(frames));
        }
    }

    /// Frames so far without delay and padding.
    fn frames(&self) -> u64 {
        trimmed(&self.opened, self.decoded)
    }

    /// Checks, behind the last packet, what the header promises of the whole.
    fn require_whole(&mut self) -> Result<(), ReadProblem> {
        // Where the checksum is wrong too, missing frames are the likelier cause and the more useful message.
        require_promised(self.opened.promised, self.frames())?;
        if self.decoder.finalize().verify_ok == Some(false) {
            return Err(ReadProblem::damaged("the decoded audio does not match the checksum that the file carries"));
        }
        Ok(())
    }
}

/// The sound of one file.
struct Decoding {
    packets: Packets,
    shape: Shape,
    /// Frames of the packet at hand that are used.
    at: usize,
    /// Frames to pass over before the first.
    skip: u64,
}

impl Decoding {
    /// Behind the last packet: there must be as many frames as were counted when the file was opened.
    fn require_counted(&mut self) -> Result<(), ReadProblem> {
        self.packets.require_whole()?;
        let (counted, decoded) = (self.shape.frames, self.packets.frames());
        if counted != decoded {
            return Err(ReadProblem::damaged(format!("its packets announce {counted} frames and decode to {decoded}")));
        }
        let Packets { channels, sample_rate, .. } = self.packets;
        if (channels, sample_rate) != (self.shape.channels.into(), self.shape.sample_rate.0) {
            return Err(ReadProblem::damaged("its header states other channels or another sample rate than its sound"));
        }
        Ok(())
    }
}

impl Decode for Decoding {
    fn fill(&mut self, into: &mut Buffer, to: Range<usize>) -> Result<(), ReadProblem> {
        let mut filled = to.start;
        while filled < to.end {
            let present = self.packets.block.first().map_or(0, Vec::len);
            if self.at == present {
                self.at = 0;
                let Some(frames) = self.packets.next()? else {
                    return Err(self
                        .require_counted()
                        .expect_err("a file that ends early has fewer frames than counted"));
                };
                if self.packets.channels != into.channel_count() {
                    let (stated, found) = (into.channel_count(), self.packets.channels);
                    return Err(ReadProblem::damaged(format!(
                        "its header states {stated} channels, its sound has {found}"
                    )));
                }
                let skipped = self.skip.min(frames as u64);
                (self.at, self.skip) = (skipped as usize, self.skip - skipped);
                continue;
            }
            let count = (present - self.at).min(to.end - filled);
            for (samples, from) in into.channels_mut().zip(&self.packets.block) {
                samples[filled..filled + count].copy_from_slice(&from[self.at..self.at + count]);
            }
            (self.at, filled) = (self.at + count, filled + count);
        }
        Ok(())
    }

    /// The checksum of FLAC is one of the whole, and packets of MP3 and Vorbis need those before them.
    fn skip(&mut self, _frames: u64) -> Result<bool, ReadProblem> {
        Ok(false)
    }

    fn finish(&mut self) -> Result<(), ReadProblem> {
        while self.packets.next()?.is_some() {}
        self.require_counted()
    }
}

pub(super) fn probe<S: Bytes>(source: &mut Source<S>, kind: Kind) -> Result<Shape, ReadProblem> {
    let mut source = source.again().map_err(ReadProblem::from_io)?;
    // FLAC arrives here only when its end looked wrong.
    if kind == Kind::Flac {
        let mut packets = Packets::open(source, kind)?;
        while packets.next()?.is_some() {}
        packets.require_whole()?;
        return checked_shape(packets.frames(), packets.channels as u64, packets.sample_rate.into());
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
