-- One row per measurement of an experiment. Of outcomes more is better.
-- params: none
create table if not exists effects (
    experiment varchar not null, -- name of the experiment
    measured_at timestamp not null, -- when
    batch_id bigint not null, -- the last stored micro-batch
    outcome varchar not null, -- label (as desired), share (outcome.sql with 0 or 1) or mean (of other numbers)
    treated bigint not null, -- treated users whose outcome is known
    holdout bigint not null, -- held-out users whose outcome is known
    treated_mean double, -- mean outcome of these treated users
    holdout_mean double, -- mean outcome of these held-out users
    effect double, -- the difference of the means, treated minus holdout
    low double, -- lower end of its 95 % interval for a single analysis
    high double, -- upper end of it
    valid_low double, -- lower end of its 95 % interval for all measurements together
    valid_high double, -- upper end of it
    minimum_detectable double, -- the least true effect that so many users show in 80 % of cases
    balance_p_value double not null, -- probability that chance makes arms that differ so much
    least_balanced varchar not null, -- the feature, or the number of users, in which they differ most
    contaminated bigint not null, -- held-out users whom the target reached all the same
    entered bigint not null, -- users of both arms, with known outcomes or not
    erased bigint not null, -- of these, users who have been erased since
    is_final boolean not null, -- all outcomes are known
    is_at_horizon boolean not null, -- and it ran up to its stated horizon, so that there is a single analysis
    gain_per_user double, -- value less cost of an offer to a treated user, in the use case's currency
    gain_low double, -- lower end of its 95 % interval for all measurements together
    gain_high double -- upper end of it
)
