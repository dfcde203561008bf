//! Matches predictions and thresholds by the name of their folder.

use crate::ReportError;
use crate::align::{Part, check_names, rows_of};
use crate::run::{Chosen, Entrant};
use hpa_artifacts::{Folds, Labels, Loaded, Origin, Predictions, Thresholds, check_lineage};
use hpa_core::LabelNames;
use std::path::PathBuf;

/// What predictions and thresholds are compared with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sources<'a> {
    pub(crate) labels: &'a Loaded<Labels>,
    pub(crate) folds: &'a Loaded<Folds>,
    pub(crate) test_labels: Option<&'a Loaded<Labels>>,
    pub(crate) oof: &'a Part,
    pub(crate) test: Option<&'a Part>,
}

/// Entrants being gathered.
pub(crate) struct Drafts<'a> {
    sources: Sources<'a>,
    gathered: Vec<Draft>,
    notices: Vec<String>,
}

/// An entrant and the files it came from.
#[derive(Default)]
struct Draft {
    entrant: Entrant,
    oof: Option<Origin>,
    test: Option<Origin>,
    thresholds: Vec<PathBuf>,
}

impl<'a> Drafts<'a> {
    pub(crate) fn new(sources: Sources<'a>) -> Self {
        Self { sources, gathered: Vec::new(), notices: Vec::new() }
    }

    /// Predictions with folds are out of fold, those without are of the test part.
    pub(crate) fn add_predictions(&mut self, file: &Loaded<Predictions>) -> anyhow::Result<()> {
        self.check_label_names(&file.names, &file.origin)?;
        let name = file.origin.folder_name();
        if file.folds.is_some() {
            self.check_folds(file)?;
            let wanted = (self.sources.oof.ids.as_slice(), &self.sources.folds.origin);
            let scores = self.gather(file, wanted)?;
            let draft = self.draft(&name);
            refuse_second(draft.oof.as_ref(), &file.origin, "out-of-fold predictions")?;
            (draft.entrant.oof, draft.oof) = (Some(scores), Some(file.origin.clone()));
        } else {
            let scores = match (self.sources.test, self.sources.test_labels) {
                (Some(part), Some(labels)) => Some(self.gather(file, (&part.ids, &labels.origin))?),
                _ => None,
            };
            let draft = self.draft(&name);
            refuse_second(draft.test.as_ref(), &file.origin, "test predictions")?;
            (draft.entrant.test, draft.test) = (scores, Some(file.origin.clone()));
        }
        let draft = self.draft(&name);
        if let (Some(oof), Some(test)) = (&draft.oof, &draft.test) {
            check_lineage("models", oof, test)?;
        }
        Ok(())
    }

    pub(crate) fn add_thresholds(&mut self, file: Loaded<Thresholds>) -> anyhow::Result<()> {
        self.check_label_names(&file.names, &file.origin)?;
        let name = file.origin.folder_name();
        let path = file.origin.path.clone();
        let folds = usize::from(self.sources.folds.count.get());
        let Some(draft) = self.gathered.iter_mut().find(|draft| draft.entrant.name == name) else {
            return Err(ReportError::NoPredictions { path, name }.into());
        };
        for predictions in draft.oof.iter().chain(&draft.test) {
            check_lineage("models", predictions, &file.origin)?;
        }
        check_fold_thresholds(&file, folds)?;
        let method = method_name(&file);
        let earlier = draft.entrant.chosen.iter().position(|chosen| chosen.method == method);
        if let Some(earlier) = earlier {
            let first = draft.thresholds[earlier].clone();
            let what = format!("the thresholds of {name} by {method}");
            return Err(ReportError::Twice { first, second: path, what }.into());
        }
        draft.thresholds.push(path);
        draft.entrant.chosen.push(Chosen { method, thresholds: file.value });
        Ok(())
    }

    pub(crate) fn finish(mut self) -> (Vec<Entrant>, Vec<String>) {
        for draft in &self.gathered {
            if draft.entrant.chosen.is_empty() {
                let name = &draft.entrant.name;
                self.notices.push(format!("{name} has no thresholds, so it has no F1"));
            }
        }
        if self.sources.test.is_none() && self.gathered.iter().any(|draft| draft.test.is_some()) {
            let text = "no test labels are given, so test predictions are not scored";
            self.notices.push(text.to_owned());
        }
        (self.gathered.into_iter().map(|draft| draft.entrant).collect(), self.notices)
    }

    fn draft(&mut self, name: &str) -> &mut Draft {
        let known = self.gathered.iter().position(|draft| draft.entrant.name == name);
        let place = known.unwrap_or_else(|| {
            let entrant = Entrant { name: name.to_owned(), ..Entrant::default() };
            self.gathered.push(Draft { entrant, ..Draft::default() });
            self.gathered.len() - 1
        });
        &mut self.gathered[place]
    }

    fn check_label_names(&self, names: &LabelNames, origin: &Origin) -> Result<(), ReportError> {
        let labels = self.sources.labels;
        check_names((&labels.names, &labels.origin), (names, origin))
    }

    /// Predictions must have been held out by the folds that are reported.
    fn check_folds(&self, file: &Loaded<Predictions>) -> anyhow::Result<()> {
        let other_run = |reason| ReportError::OtherRun { path: file.origin.path.clone(), reason };
        let (part, origin) = (self.sources.oof, &self.sources.folds.origin);
        let rows = rows_of((&part.ids, origin), (&file.ids, &file.origin))?;
        let column = file.folds.as_ref().expect("called for out-of-fold predictions");
        let differs = |&(row, fold): &(usize, &hpa_core::Fold)| column.folds[row] != *fold;
        if let Some((row, fold)) = rows.into_iter().zip(&part.folds).find(differs) {
            let (id, theirs) = (&file.ids[row], column.folds[row]);
            let path = origin.path.display();
            return Err(other_run(format!(
                "sample {id} is in fold {theirs} there and in fold {fold} of {path}"
            ))
            .into());
        }
        Ok(())
    }

    /// The probabilities of the wanted samples in their order.
    fn gather(
        &mut self,
        file: &Loaded<Predictions>,
        wanted: (&[hpa_core::SampleId], &Origin),
    ) -> Result<Vec<f32>, ReportError> {
        let rows = rows_of(wanted, (&file.ids, &file.origin))?;
        let beyond = file.ids.len() - rows.len();
        if beyond > 0 {
            let name = file.origin.folder_name();
            let text = format!("{beyond} predictions of {name} are left out: no labels are known");
            self.notices.push(text);
        }
        Ok(rows.into_iter().flat_map(|row| file.row(row).iter().copied()).collect())
    }
}

fn refuse_second(first: Option<&Origin>, second: &Origin, kind: &str) -> Result<(), ReportError> {
    first.map_or(Ok(()), |first| {
        Err(ReportError::Twice {
            first: first.path.clone(),
            second: second.path.clone(),
            what: format!("{kind} of {}", second.folder_name()),
        })
    })
}

fn check_fold_thresholds(file: &Loaded<Thresholds>, folds: usize) -> Result<(), ReportError> {
    let lengths = file.rows.iter().filter_map(|row| row.fold_threshold.as_ref()).map(Vec::len);
    match lengths.into_iter().find(|&length| length != folds) {
        Some(length) => Err(ReportError::OtherRun {
            path: file.origin.path.clone(),
            reason: format!("it has thresholds for {length} folds, the run has {folds}"),
        }),
        None => Ok(()),
    }
}

/// A foreign file does not say its method; its name does.
fn method_name(file: &Loaded<Thresholds>) -> String {
    let stem = || {
        let stem = file.origin.path.file_stem().unwrap_or_default().to_string_lossy();
        // A file name holds no colon: fixed:0.5 lies in fixed-0.5.parquet.
        stem.replacen("fixed-", "fixed:", 1)
    };
    let method = if file.method == "unknown" { stem() } else { file.method.clone() };
    match file.metric.as_str() {
        "macro-f1" | "unknown" => method,
        metric => format!("{method} ({metric})"),
    }
}
