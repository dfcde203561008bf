//! Parquet data pages of one sample's pixels.
//!
//! Most of the time of writing a shard is compression, so every worker thread compresses its own
//! samples here and the writer only concatenates the pages. With a plain `ArrowWriter`, which
//! compresses in one thread and at level 1 or above, `hpa-preprocess` takes 1.6 times the CPU time
//! (docs/adr/0010). A page holds one sample, so reading one sample decompresses no other.
//!
//! Frames are Zstandard level -14 with the smallest hash table, a minimum match of 7 bytes and
//! Huffman coding, which negative levels omit by default. Micrographs repeat nothing but their black
//! margins: searching for other matches takes most of the time of level 1 and saves little. The
//! window of 64 KiB also bounds the blocks, each of which has its own Huffman code: a plane of
//! 256 px is one block, so no block spans two channels.
//!
//! Source: Apache Parquet, `parquet.thrift`, in Thrift's compact protocol.

use bytes::Bytes;
use parquet::file::reader::{ChunkReader, Length};
use std::io::Read;
use zstd::bulk::Compressor;
use zstd::zstd_safe::{CParameter, ParamSwitch};

/// Encoder of pages; each thread has its own.
pub struct PageEncoder {
    compressor: Compressor<'static>,
}

/// One sample's pixels, compressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodedPixels {
    /// Header of the page.
    pub(super) header: Bytes,
    /// The Zstandard frame after the header.
    pub(super) frame: Bytes,
    /// Bytes of the pixels before compression.
    pub(super) pixels_len: usize,
}

/// The pages of a column chunk: header, frame, header, frame … One buffer for all would copy each of
/// them once more.
pub(super) struct Pages(pub(super) Vec<Bytes>);

/// Reader of consecutive pages.
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
    /// The buffers of the frames.
    pub(super) fn into_buffers(self) -> Vec<Vec<u8>> {
        self.0.into_iter().skip(1).step_by(2).map(buffer).collect()
    }
}

impl EncodedPixels {
    /// The buffer of the frame, for [`PageEncoder::encode_into`].
    #[must_use]
    pub fn into_buffer(self) -> Vec<u8> {
        buffer(self.frame)
    }
}

/// The buffer of bytes that have one owner. Truncated to one byte first, so that the conversion
/// copies no more than that; truncated to none it would free the buffer.
fn buffer(mut bytes: Bytes) -> Vec<u8> {
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

/// Of every 15 positions without a match one is searched, and ever fewer.
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
    /// When its buffers cannot be allocated.
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

    /// As [`Self::encode`], into the buffer `frame`, whose content is replaced: fresh memory would
    /// have to be cleared by the system first.
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
        let size =
            |bytes: &[u8]| i32::try_from(bytes.len()).map(i32::cast_unsigned).map_err(too_long);
        let mut header = Vec::with_capacity(MAX_HEADER);
        put_header(&mut header, size(pixels)?, size(&frame)?);
        Ok(EncodedPixels { header: header.into(), frame: frame.into(), pixels_len: pixels.len() })
    }
}

/// A `PageHeader` of one required value in plain encoding.
///
/// In Thrift's compact protocol a field begins with a byte: the increase of its number over the
/// field before, and its type (5 is i32, 12 is a struct); 0 ends a struct.
fn put_header(page: &mut Vec<u8>, uncompressed: u32, compressed: u32) {
    const I32: u8 = 0x15; // the next field
    const STRUCT_AFTER_CRC: u8 = 0x2c; // number 5: the checksum, number 4, is left out
    page.push(I32); // type
    put_number(page, 0); // DATA_PAGE
    page.push(I32); // uncompressed_page_size
    put_number(page, uncompressed);
    page.push(I32); // compressed_page_size
    put_number(page, compressed);
    page.push(STRUCT_AFTER_CRC); // data_page_header
    // num_values 1, encoding PLAIN, encodings RLE of the definition and repetition levels.
    for number in [1, 0, 3, 3] {
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
    fn a_header_is_written_in_thrift_s_compact_protocol() {
        let mut page = Vec::new();
        put_header(&mut page, 1 << 20, 100);
        let expected = [
            0x15, 0x00, 0x15, 0x80, 0x80, 0x80, 0x01, 0x15, 0xc8, 0x01, 0x2c, 0x15, 0x02, 0x15,
            0x00, 0x15, 0x06, 0x15, 0x06, 0x00, 0x00,
        ];
        assert_eq!(page, expected);
    }

    #[test]
    fn pages_are_read_from_any_offset() {
        let pages = Pages([&b"abc"[..], b"", b"defg"].map(Bytes::from_static).to_vec());
        assert_eq!(pages.len(), 7);
        assert_eq!(pages.get_bytes(2, 4).unwrap(), "cdef");
        let mut all = Vec::new();
        pages.get_read(0).unwrap().read_to_end(&mut all).unwrap();
        assert_eq!(all, b"abcdefg");
        assert!(pages.get_bytes(5, 3).is_err());
    }

    #[test]
    fn the_buffer_of_a_frame_is_reused() {
        let (mut encoder, pixels) = (PageEncoder::new(), [5; 9999]);
        let frame = encoder.encode(&pixels).unwrap().into_buffer();
        let (address, capacity) = (frame.as_ptr(), frame.capacity());
        assert!(capacity >= 9999);
        let header = encoder.encode(&pixels).unwrap().header;
        let page = EncodedPixels { header, frame: frame.into(), pixels_len: pixels.len() };
        let [frame] = &Pages(vec![page.header, page.frame]).into_buffers()[..] else {
            panic!("one")
        };
        assert_eq!((frame.as_ptr(), frame.capacity()), (address, capacity));
    }

    #[test]
    fn an_encoder_keeps_no_state_between_pages() {
        let level = |place: usize, step: usize| u8::try_from(place / 7 * step % 256).unwrap();
        let image = |step| (0..40_000).map(|place| level(place, step)).collect();
        let images: Vec<Vec<u8>> = (1..5).map(image).collect();
        let mut used = PageEncoder::new();
        for image in images.iter().chain(images.iter().rev()) {
            let page = used.encode(image).unwrap();
            assert_eq!(page, PageEncoder::new().encode(image).unwrap());
            assert_eq!(&zstd::bulk::decompress(&page.frame, image.len()).unwrap(), image);
            assert_eq!(page, used.encode_into(vec![7; 99], image).unwrap());
        }
    }
}
