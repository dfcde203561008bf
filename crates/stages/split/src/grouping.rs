//! Opens what says which samples belong together, and joins them.

use crate::args::{Arguments, Settings};
use anyhow::Result;
use hpa_artifacts::id_table::read_id_csv;
use hpa_artifacts::{Digest, ImageStore, Provenance};
use hpa_cli::RunContext;
use hpa_core::{Channel, SampleId};
use hpa_split::{
    DisjointSets, Duplicates, Fingerprint, Roster, join_near, read_duplicates, twins, twins_csv,
};
use std::path::PathBuf;

/// The inputs beside the labels.
pub(crate) struct Sources {
    images: Option<ImageStore>,
    test_images: Option<ImageStore>,
    duplicates: Option<Duplicates>,
    skipped: Vec<SampleId>,
    /// Flag and digest of each file that is not an artefact.
    digests: Vec<(&'static str, Digest)>,
}

impl Sources {
    pub(crate) fn open(args: &Arguments, context: &RunContext) -> Result<Self> {
        let open = |shards: &[PathBuf]| match shards {
            [] => Ok(None),
            shards => context.open_images(shards).map(Some),
        };
        let (images, test_images) = (open(&args.images)?, open(&args.test_images)?);
        let duplicates = args.duplicates.as_deref().map(read_duplicates).transpose()?;
        let mut skipped = Vec::new();
        for list in &args.skipped {
            skipped.extend(read_id_csv(list)?);
        }
        let mut digests = Vec::new();
        if let Some(path) = &args.duplicates {
            digests.push(("duplicates", Digest::of_file(path)?));
        }
        if !args.skipped.is_empty() {
            let lists = args.skipped.iter().map(|path| Digest::of_file(path));
            digests.push(("skipped", Digest::combine(&lists.collect::<Result<Vec<_>, _>>()?)));
        }
        Ok(Self { images, test_images, duplicates, skipped, digests })
    }

    pub(crate) fn images(&self) -> Option<&ImageStore> {
        self.images.as_ref()
    }

    pub(crate) fn skipped(&self) -> &[SampleId] {
        &self.skipped
    }

    pub(crate) fn provenance(&self, settings: &Settings, labels: Digest) -> Provenance {
        let mut provenance = Provenance::new(settings).with_input("labels", labels);
        if let Some(images) = &self.images {
            provenance = provenance.with_input("images", images.digest());
        }
        self.digests.iter().fold(provenance, |all, (flag, digest)| all.with_input(flag, *digest))
    }
}

/// The group of each of the roster's samples.
pub(crate) fn group(
    roster: &Roster<'_>,
    sources: &Sources,
    distance: u32,
    context: &RunContext,
) -> Result<Vec<u32>> {
    let sets = DisjointSets::new(roster.rows.len());
    if roster.skipped > 0 {
        context.notice(format!("{} labelled samples are skipped", roster.skipped));
    }
    if let Some(duplicates) = &sources.duplicates {
        let strangers = duplicates.join(&roster.ids(), &sets);
        if strangers > 0 {
            context.notice(format!("{strangers} ids in the list of duplicates take no part"));
        }
    }
    if let Some(images) = &sources.images {
        let unused = roster.unused(images);
        if unused > 0 {
            context.notice(format!("{unused} pictures have no label or are skipped: left out"));
        }
        let blank = join_near(&fingerprints(&roster.ids(), images)?, distance, &sets);
        if blank > 0 {
            context.notice(format!(
                "{blank} samples are blank in two of red, green and blue: not compared"
            ));
        }
    }
    Ok(sets.numbers())
}

/// The test pictures that are near a training picture, as a table, and their number.
pub(crate) fn leaks(
    roster: &Roster<'_>,
    sources: &Sources,
    distance: u32,
) -> Result<Option<(String, usize)>> {
    let (Some(images), Some(test)) = (&sources.images, &sources.test_images) else {
        return Ok(None);
    };
    let ids: Vec<&SampleId> = test.ids().iter().collect();
    let train = fingerprints(&roster.ids(), images)?;
    let mut found = twins(&train, &fingerprints(&ids, test)?, distance);
    let table = twins_csv(&found, roster, test.ids());
    found.dedup_by_key(|twin| twin.test);
    Ok(Some((table, found.len())))
}

/// The hashes of samples in red, green and blue.
fn fingerprints(ids: &[&SampleId], images: &ImageStore) -> Result<Vec<Fingerprint>> {
    let summaries = images.summaries()?;
    let fingerprint = |id: &&SampleId| {
        let place = images.position(id).expect("only samples with pictures are asked for");
        let hashes = summaries[place].phash;
        [Channel::Red, Channel::Green, Channel::Blue].map(|channel| hashes[channel.index()])
    };
    Ok(ids.iter().map(fingerprint).collect())
}
