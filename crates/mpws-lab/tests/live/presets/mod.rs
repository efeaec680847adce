//! Each preset does on the wire and to the kernels what it promises.

mod midway;
mod opening;
mod paths;
mod rig;

use mpws_lab::preset::PRESETS;

/// A demonstration, as a test, and its name in the table.
macro_rules! demonstrations {
    ($($test:ident shows $preset:literal by $demonstration:path;)*) => {
        $(
            #[test]
            fn $test() {
                $demonstration($preset);
            }
        )*
        const DEMONSTRATED: &[&str] = &[$($preset),*];
    };
}

demonstrations! {
    options_removed_everywhere_make_a_fallback shows "strip" by opening::never_seen_by_the_server;
    options_removed_from_syns_make_a_fallback shows "strip-syn" by opening::never_seen_by_the_server;
    a_syn_proxy_makes_a_fallback shows "syn-proxy" by opening::never_seen_by_the_server;
    split_tcp_makes_a_fallback shows "split-tcp" by opening::never_seen_by_the_server;
    echoed_options_make_a_fallback shows "echo-options" by opening::never_seen_by_the_server;
    options_removed_from_syn_acks_make_both_fall_back shows "strip-syn-ack" by opening::seen_by_the_server;
    options_removed_upwards_fall_back_later shows "strip-data-up" by opening::stripped_upwards;
    options_removed_downwards_fall_back_later shows "strip-data-down" by opening::stripped_downwards;
    lost_syns_come_again_without_options shows "drop-syn" by opening::lost_syn;
    reset_syns_refuse_the_connection shows "reset-syn" by opening::reset_syn;
    lost_syn_acks_let_connect_time_out shows "drop-syn-ack" by opening::lost_syn_ack;
    an_unreachable_path_is_an_error_of_connect shows "unreachable" by opening::unreachable;
    lost_data_hang shows "drop-data" by midway::lost_data;
    options_removed_midway_make_a_late_fallback shows "strip-midway" by midway::stripped_midway;
    a_gateway_changes_what_arrives shows "gateway" by midway::gateway;
    rewritten_sequence_numbers_do_no_harm shows "isn" by midway::harmless;
    smaller_segments_do_no_harm shows "resegment" by midway::harmless;
    plain_tcp_options_do_no_harm shows "normaliser" by midway::normaliser;
    merged_segments_lose_mappings shows "coalesce" by midway::coalesce;
    an_unreliable_link_delivers_all shows "unreliable" by midway::unreliable;
    a_black_hole_is_survived_on_the_other_path shows "blackhole" by paths::other_path_goes_on;
    a_black_hole_for_large_packets_is_survived shows "pmtu-blackhole" by paths::pmtu_black_hole;
    a_translator_that_forgets_ends_a_subflow shows "nat-forgets" by paths::subflow_ends;
    resets_midway_end_a_subflow shows "reset-midway" by paths::subflow_ends;
    translation_is_no_hindrance_to_a_join shows "nat" by paths::join_through_nat;
    connection_tracking_is_no_hindrance_to_a_join shows "conntrack" by paths::conntrack;
    a_join_at_another_server_is_reset shows "balance" by paths::balance;
    a_lost_announcement_is_repeated shows "drop-add-addr" by paths::lost_announcement;
    a_lost_withdrawal_leaves_the_other_end_in_the_dark shows "drop-remove-addr" by paths::lost_withdrawal;
}

#[test]
fn no_preset_is_without_a_demonstration_and_no_demonstration_without_a_preset() {
    let mut known: Vec<&str> = PRESETS.iter().map(|preset| preset.name).collect();
    let mut demonstrated = DEMONSTRATED.to_vec();
    known.sort_unstable();
    demonstrated.sort_unstable();
    assert_eq!(demonstrated, known);
}
