-- Gives measurements of older code the present names of their metrics.
-- params: none
update monitoring
set
    metric = case metric
        when 'realised_churn_rate' then 'realised_rate'
        when 'estimated_churn_rate' then 'estimated_rate'
        when 'churn_rate_shift' then 'rate_shift'
        when 'churn_rate_shift_low' then 'rate_shift_low'
        when 'churn_rate_shift_high' then 'rate_shift_high'
        else metric
    end,
    subject = case when subject = 'churn_probability' then 'probability' else subject end
where
    metric in (
        'realised_churn_rate', 'estimated_churn_rate', 'churn_rate_shift', 'churn_rate_shift_low',
        'churn_rate_shift_high'
    )
    or subject = 'churn_probability'
