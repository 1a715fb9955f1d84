-- One row per measurement of an experiment. Of outcomes more is better.
-- outcome: label (who stayed), share (outcome.sql with 0 or 1) or mean (outcome.sql with other numbers).
-- treated, holdout: users whose outcome is known. effect: of treated minus holdout. low, high: its 95 % interval at one
-- look; valid_low, valid_high: the interval for all looks together.
-- gain_per_user: value minus cost of an offer, in the use case's currency, with its interval for all looks.
-- is_final: all outcomes are known. is_at_horizon: and it ran up to its stated horizon, so that there is one look.
-- entered: users of both arms, known or not. erased: of these, those erased since.
-- params: none
create table if not exists effects (
    experiment varchar not null,
    measured_at timestamp not null,
    batch_id bigint not null,
    outcome varchar not null,
    treated bigint not null,
    holdout bigint not null,
    treated_mean double,
    holdout_mean double,
    effect double,
    low double,
    high double,
    valid_low double,
    valid_high double,
    minimum_detectable double,
    balance_p_value double not null,
    least_balanced varchar not null,
    contaminated bigint not null,
    entered bigint not null,
    erased bigint not null,
    is_final boolean not null,
    is_at_horizon boolean not null,
    gain_per_user double,
    gain_low double,
    gain_high double
)
