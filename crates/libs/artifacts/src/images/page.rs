//! The pixels of one sample as a page of a Parquet file.
//!
//! Compressing is what costs time in a shard, so it is done here, by as many threads as
//! there are samples at hand; the writer only joins the pages. A page holds one sample, so
//! that a reader of one sample decompresses nothing else.
//!
//! The frames are Zstandard of level -14 with the smallest hash table, matches of at least 7
//! bytes and Huffman coding, which negative levels leave out otherwise: microscopy has next to
//! no repeats but its black margins, and looking for others takes most of the time of level 1
//! and saves little. A window of 64 KiB also bounds the blocks, each of which has a Huffman
//! code of its own: a plane of 256 px is one, so no block straddles two channels. Measured in
//! `docs/performance.md`.
//!
//! Source of the layout: Apache Parquet, `parquet.thrift`, in Thrift's compact protocol.

use bytes::Bytes;
use parquet::file::reader::{ChunkReader, Length};
use std::io::Read;
use zstd::bulk::Compressor;
use zstd::zstd_safe::{CParameter, ParamSwitch};

/// Makes pages; each thread has its own.
pub struct PageEncoder {
    compressor: Compressor<'static>,
}

/// One sample's pixels, compressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodedPixels {
    /// Header of the page.
    pub(super) header: Bytes,
    /// The Zstandard frame behind it.
    pub(super) frame: Bytes,
    /// How many bytes of pixels it holds.
    pub(super) pixels_len: usize,
}

/// The pages of a column chunk, header and frame one after another. Putting them into one buffer
/// before they are written would copy each once more.
pub(super) struct Pages(pub(super) Vec<Bytes>);

/// Reads on through the pages.
pub(super) struct PagesReader {
    pages: std::vec::IntoIter<Bytes>,
    rest: Bytes,
}

impl Read for PagesReader {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        while self.rest.is_empty() {
            let Some(page) = self.pages.next() else { return Ok(0) };
            self.rest = page;
        }
        let length = buffer.len().min(self.rest.len());
        buffer[..length].copy_from_slice(&self.rest.split_to(length));
        Ok(length)
    }
}

impl Pages {
    /// The memory of the frames.
    pub(super) fn into_memory(self) -> Vec<Vec<u8>> {
        self.0.into_iter().skip(1).step_by(2).map(memory).collect()
    }
}

impl EncodedPixels {
    /// The memory of the frame, for [`PageEncoder::encode_into`].
    #[must_use]
    pub fn into_memory(self) -> Vec<u8> {
        memory(self.frame)
    }
}

/// The memory of bytes that nobody else holds. Cut to one first, so that no more is copied; cut to
/// none they would let go of their memory.
fn memory(mut bytes: Bytes) -> Vec<u8> {
    bytes.truncate(1);
    bytes.into()
}

impl Length for Pages {
    fn len(&self) -> u64 {
        self.0.iter().map(|page| page.len() as u64).sum()
    }
}

impl ChunkReader for Pages {
    type T = PagesReader;

    fn get_read(&self, start: u64) -> parquet::errors::Result<PagesReader> {
        let mut reader = PagesReader { pages: self.0.clone().into_iter(), rest: Bytes::new() };
        std::io::copy(&mut (&mut reader).take(start), &mut std::io::sink())?;
        Ok(reader)
    }

    fn get_bytes(&self, start: u64, length: usize) -> parquet::errors::Result<Bytes> {
        let mut bytes = vec![0; length];
        self.get_read(start)?.read_exact(&mut bytes)?;
        Ok(bytes.into())
    }
}

/// How little is looked for: of every 15 places that held no match one, and ever fewer.
const LEVEL: i32 = -14;
/// Bytes of the largest header: field numbers and three 32-bit numbers.
const MAX_HEADER: usize = 32;

impl Default for PageEncoder {
    fn default() -> Self {
        Self::new()
    }
}

impl PageEncoder {
    /// An encoder with buffers of its own.
    ///
    /// # Panics
    /// When there is no memory for it.
    #[must_use]
    pub fn new() -> Self {
        let mut compressor = Compressor::new(LEVEL).expect("Zstandard has negative levels");
        for parameter in [
            CParameter::HashLog(6),
            CParameter::MinMatch(7),
            CParameter::WindowLog(16),
            CParameter::LiteralCompressionMode(ParamSwitch::Enable),
        ] {
            compressor.set_parameter(parameter).expect("within the range of Zstandard");
        }
        Self { compressor }
    }

    /// The pixels of one sample as a page.
    ///
    /// # Errors
    /// When they are 2 GiB or more, which no page can hold.
    pub fn encode(&mut self, pixels: &[u8]) -> std::io::Result<EncodedPixels> {
        self.encode_into(Vec::new(), pixels)
    }

    /// The same in the memory of `frame`, whose content is lost: fresh memory is what the
    /// system has to clear first.
    ///
    /// # Errors
    /// As [`Self::encode`].
    pub fn encode_into(
        &mut self,
        mut frame: Vec<u8>,
        pixels: &[u8],
    ) -> std::io::Result<EncodedPixels> {
        frame.clear();
        frame.reserve(zstd::zstd_safe::compress_bound(pixels.len()));
        self.compressor.compress_to_buffer(pixels, &mut frame)?;
        let too_long = |_| std::io::Error::other("a page of 2 GiB");
        let sizes = (
            u32::try_from(i32::try_from(pixels.len()).map_err(too_long)?).map_err(too_long)?,
            u32::try_from(i32::try_from(frame.len()).map_err(too_long)?).map_err(too_long)?,
        );
        let mut header = Vec::with_capacity(MAX_HEADER);
        put_header(&mut header, sizes);
        Ok(EncodedPixels { header: header.into(), frame: frame.into(), pixels_len: pixels.len() })
    }
}

/// A `PageHeader` of one required value in plain encoding.
///
/// In Thrift's compact protocol a field begins with a byte: how much larger its number is
/// than the one before, and its type (5 is i32, 12 is a structure); 0 ends a structure.
fn put_header(page: &mut Vec<u8>, (uncompressed, compressed): (u32, u32)) {
    const I32: u8 = 0x15; // the next number
    const STRUCT_AFTER_CRC: u8 = 0x2c; // number 5: the checksum, number 4, is left out
    let (data_page, one_value, plain, rle) = (0, 1, 0, 3);
    page.push(I32); // type
    put_number(page, data_page);
    page.push(I32); // uncompressed_page_size
    put_number(page, uncompressed);
    page.push(I32); // compressed_page_size
    put_number(page, compressed);
    page.push(STRUCT_AFTER_CRC); // data_page_header
    // num_values, encoding, then those of the definition and repetition levels.
    for number in [one_value, plain, rle, rle] {
        page.push(I32);
        put_number(page, number);
    }
    page.extend([0, 0]);
}

/// A number below 2^31 in zigzag form, seven bits a byte, the lowest first.
fn put_number(page: &mut Vec<u8>, number: u32) {
    let mut rest = number << 1;
    while rest >= 0x80 {
        page.push(u8::try_from(rest & 0x7f).expect("seven bits") | 0x80);
        rest >>= 7;
    }
    page.push(u8::try_from(rest).expect("seven bits"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_written_as_the_format_says() {
        let mut page = Vec::new();
        put_header(&mut page, (1 << 20, 100));
        let expected = [
            0x15, 0x00, 0x15, 0x80, 0x80, 0x80, 0x01, 0x15, 0xc8, 0x01, 0x2c, 0x15, 0x02, 0x15,
            0x00, 0x15, 0x06, 0x15, 0x06, 0x00, 0x00,
        ];
        assert_eq!(page, expected);
    }

    #[test]
    fn pages_are_read_on_from_any_place() {
        let pages = Pages([&b"abc"[..], b"", b"defg"].map(Bytes::from_static).to_vec());
        assert_eq!(pages.len(), 7);
        assert_eq!(pages.get_bytes(2, 4).unwrap(), "cdef");
        let mut all = Vec::new();
        pages.get_read(0).unwrap().read_to_end(&mut all).unwrap();
        assert_eq!(all, b"abcdefg");
        assert!(pages.get_bytes(5, 3).is_err());
    }

    #[test]
    fn the_memory_of_a_frame_is_used_again() {
        let (mut encoder, pixels) = (PageEncoder::new(), [5; 9999]);
        let frame = encoder.encode(&pixels).unwrap().into_memory();
        let (place, room) = (frame.as_ptr(), frame.capacity());
        assert!(room >= 9999);
        let header = encoder.encode(&pixels).unwrap().header;
        let page = EncodedPixels { header, frame: frame.into(), pixels_len: pixels.len() };
        let [frame] = &Pages(vec![page.header, page.frame]).into_memory()[..] else {
            panic!("one")
        };
        assert_eq!((frame.as_ptr(), frame.capacity()), (place, room));
    }

    #[test]
    fn an_encoder_does_not_remember_what_it_encoded_before() {
        let level = |place: usize, step: usize| u8::try_from(place / 7 * step % 256).unwrap();
        let picture = |step| (0..40_000).map(|place| level(place, step)).collect();
        let pictures: Vec<Vec<u8>> = (1..5).map(picture).collect();
        let mut used = PageEncoder::new();
        for picture in pictures.iter().chain(pictures.iter().rev()) {
            let page = used.encode(picture).unwrap();
            assert_eq!(page, PageEncoder::new().encode(picture).unwrap());
            assert_eq!(&zstd::bulk::decompress(&page.frame, picture.len()).unwrap(), picture);
            assert_eq!(page, used.encode_into(vec![7; 99], picture).unwrap());
        }
    }
}
