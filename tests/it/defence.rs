//! What the site withstands: floods, slow connections, addresses that are not one's own, a changing
//! certificate, a copied database.
//!
//! What goes wrong elsewhere with logins has numbers, the rows that tests speak of; what shows each
//! absent:
//!
//! | row | shown by |
//! | --- | --- |
//! | 1 parallel guesses | `login/concurrency`: `c3_a_hundred_posts_at_once_are_answered_as_if_one_by_one_fifty_times` |
//! | 2 a success wipes a void | the same rounds, right and wrong ones mixed; `account/void`: `c2_wrong_entries_of_strangers_end_no_open_session` |
//! | 3 honest bursts refused | `login/concurrency`: `c3_of_a_thousand_right_ones_at_once_all_succeed` |
//! | 4 a second spelling | `phone_number`: `w3_every_spelling_is_one_number`; `doors`: `w3_every_spelling_at_either_door_is_one_login_with_one_count` |
//! | 5 another door forgets the count | `account/doors`: `row_5_every_door_raises_the_same_count` |
//! | 6 unknown numbers answer otherwise | `login/equality`: `w2_every_refusal_is_the_same_byte_for_byte_after_one_hash_and_one_commit`; `pages/log_in`: `w2_every_refusal_is_the_same_page_after_one_hash_and_one_commit` |
//! | 7 floods | `flood`: `a_more_logins_than_can_be_verified_harm_nothing_else` |
//! | 8 anyone voids anyone's password | `limit`: `b1_one_address_voids_ten_credentials_an_hour_and_learns_nothing_by_it`; `account/void`: `c2_wrong_entries_of_strangers_end_no_open_session`; `doors`: `a_one_limit_by_address_stands_before_every_password_at_both_doors`; `account/doors`: `row_8_the_limit_by_address_answers_at_every_door_and_counts_nothing` |
//! | 9 the forced change is walked around | `pages/sessions`: `row_9_no_route_walks_around_the_forced_change`; `routes`: `row_9_no_route_but_the_change_is_open_under_c6` |
//! | 10 secrets in logs | `login/daemon`: `no_secret_is_in_the_log_at_trace` |
//! | 11, 12 the store fails over, a commit's answer is lost | `store/faults`, `account/faults` |
//! | 13 the database copied | `dump`: `c7_a_dump_verifies_nothing_and_holds_no_hash_of_what_is_over` |
//! | 14 slow connections | `slow`: `a_the_site_answers_beside_500_slow_connections_and_closes_them`; `room`: `a_one_address_cannot_fill_the_site` |
//! | 15 login CSRF | `pages/forms`: `row_15_…`; `cross_site`: `b7_what_another_sites_page_asks_is_refused_and_costs_nothing` |

mod cross_site;
mod doors;
mod dump;
mod flood;
mod heads;
mod limit;
mod proxies;
mod room;
mod slow;
mod tls;
mod wire;
