//! The table of peers and families.

use std::collections::BTreeMap;

use mpws_model::result::{CellResult, RunResult, Summary};

/// Counts of cells by peer and family. A cell counts for its client peer and, where that is another
/// one, for its server peer.
pub(crate) struct Tally {
    /// Families, sorted.
    pub(crate) families: Vec<String>,
    /// Peers in the order of the result's list, each with its counts by family.
    pub(crate) rows: Vec<(String, BTreeMap<String, Summary>)>,
}

impl Tally {
    pub(crate) fn of(result: &RunResult) -> Self {
        let mut cells: BTreeMap<(&str, &str), Vec<&CellResult>> = BTreeMap::new();
        let mut families: Vec<String> = Vec::new();
        let mut peers: Vec<&str> = result
            .peers
            .iter()
            .map(|facts| facts.peer.as_str())
            .collect();
        for cell in &result.cells {
            let family = cell.family();
            if !families.iter().any(|known| known == family) {
                families.push(family.to_owned());
            }
            let mut taking_part = vec![cell.client.as_str()];
            if cell.server != cell.client {
                taking_part.push(cell.server.as_str());
            }
            for peer in taking_part {
                if !peers.contains(&peer) {
                    peers.push(peer);
                }
                cells.entry((peer, family)).or_default().push(cell);
            }
        }
        families.sort();

        let mut rows = Vec::new();
        for peer in peers {
            let mut row = BTreeMap::new();
            for family in &families {
                if let Some(group) = cells.get(&(peer, family.as_str())) {
                    row.insert(family.clone(), count(group));
                }
            }
            if !row.is_empty() {
                rows.push((peer.to_owned(), row));
            }
        }
        Self { families, rows }
    }
}

fn count(group: &[&CellResult]) -> Summary {
    let owned: Vec<CellResult> = group.iter().map(|cell| (*cell).clone()).collect();
    Summary::of(&owned)
}
