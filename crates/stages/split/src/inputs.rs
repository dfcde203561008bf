//! Input files beside the labels, and the duplicates found in them.

use crate::args::{Args, Config};
use anyhow::Result;
use hpa_artifacts::{Digest, ImageStore, Provenance, read_id_csv};
use hpa_cli::RunContext;
use hpa_core::{Channel, SampleId};
use hpa_split::{
    DisjointSets, DuplicateList, RgbHashes, SampleList, cross_split_duplicates,
    join_near_duplicates, leaks_csv, read_duplicates,
};
use std::path::PathBuf;

/// The input files beside the labels.
pub(crate) struct Inputs {
    images: Option<ImageStore>,
    test_images: Option<ImageStore>,
    duplicates: Option<DuplicateList>,
    excluded: Vec<SampleId>,
    /// Flag and digest of each input that is not an artefact.
    digests: Vec<(&'static str, Digest)>,
}

/// Test images that are near duplicates of training images.
pub(crate) struct Leaks {
    /// The pairs as CSV.
    pub(crate) table: String,
    /// Number of test samples in them.
    pub(crate) test_samples: usize,
}

impl Inputs {
    pub(crate) fn open(args: &Args, context: &RunContext) -> Result<Self> {
        let open = |shards: &[PathBuf]| match shards {
            [] => Ok(None),
            shards => context.open_images(shards).map(Some),
        };
        let images = open(&args.images)?;
        let test_images = open(&args.test_images)?;
        let duplicates = args.duplicates.as_deref().map(read_duplicates).transpose()?;
        let mut excluded = Vec::new();
        for list in &args.exclude {
            excluded.extend(read_id_csv(list)?);
        }
        let mut digests = Vec::new();
        if let Some(path) = &args.duplicates {
            digests.push(("duplicates", Digest::of_file(path)?));
        }
        if !args.exclude.is_empty() {
            let lists = args.exclude.iter().map(|path| Digest::of_file(path));
            digests.push(("exclude", Digest::combine(&lists.collect::<Result<Vec<_>, _>>()?)));
        }
        Ok(Self { images, test_images, duplicates, excluded, digests })
    }

    pub(crate) fn images(&self) -> Option<&ImageStore> {
        self.images.as_ref()
    }

    pub(crate) fn excluded(&self) -> &[SampleId] {
        &self.excluded
    }

    pub(crate) fn provenance(&self, config: &Config, labels: Digest) -> Provenance {
        let mut provenance = Provenance::new(config).with_input("labels", labels);
        if let Some(images) = &self.images {
            provenance = provenance.with_input("images", images.digest());
        }
        self.digests.iter().fold(provenance, |all, (flag, digest)| all.with_input(flag, *digest))
    }

    /// The group of each sample: listed and near duplicates share one.
    pub(crate) fn group_duplicates(
        &self,
        samples: &SampleList<'_>,
        distance: u32,
        context: &RunContext,
    ) -> Result<Vec<u32>> {
        let sets = DisjointSets::new(samples.rows.len());
        if samples.excluded > 0 {
            context.info(format!("{} labelled samples are excluded", samples.excluded));
        }
        if let Some(duplicates) = &self.duplicates {
            let unknown = duplicates.join(&samples.ids(), &sets);
            if unknown > 0 {
                context.info(format!(
                    "{unknown} ids of the list of duplicates are not among the samples"
                ));
            }
        }
        if let Some(images) = &self.images {
            let unused = images.len() - samples.rows.len();
            if unused > 0 {
                context.info(format!(
                    "{unused} images are not used: their samples have no label or are excluded"
                ));
            }
            let hashes = rgb_hashes(&samples.ids(), images)?;
            let blank = join_near_duplicates(&hashes, distance, &sets);
            if blank > 0 {
                context.info(format!(
                    "{blank} samples are blank in two of red, green and blue: not compared"
                ));
            }
        }
        Ok(sets.group_ids())
    }

    /// The near duplicates between the samples and the test images; none without test images.
    pub(crate) fn find_leaks(
        &self,
        samples: &SampleList<'_>,
        distance: u32,
    ) -> Result<Option<Leaks>> {
        let (Some(images), Some(test)) = (&self.images, &self.test_images) else {
            return Ok(None);
        };
        let test_ids: Vec<&SampleId> = test.ids().iter().collect();
        let train_hashes = rgb_hashes(&samples.ids(), images)?;
        let test_hashes = rgb_hashes(&test_ids, test)?;
        let mut pairs = cross_split_duplicates(&train_hashes, &test_hashes, distance);
        let table = leaks_csv(&pairs, samples, test.ids());
        pairs.dedup_by_key(|pair| pair.test);
        Ok(Some(Leaks { table, test_samples: pairs.len() }))
    }
}

/// The perceptual hashes of samples in red, green and blue.
fn rgb_hashes(ids: &[&SampleId], images: &ImageStore) -> Result<Vec<RgbHashes>> {
    let summaries = images.summaries()?;
    let hashes = |id: &&SampleId| {
        let row = images.position(id).expect("all listed samples have an image");
        let hashes = summaries[row].phash;
        [Channel::Red, Channel::Green, Channel::Blue].map(|channel| hashes[channel.index()])
    };
    Ok(ids.iter().map(hashes).collect())
}
