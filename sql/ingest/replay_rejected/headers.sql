-- One row per header that the refused rows at hand were read under; null for JSON.
-- params: none
select distinct header
from open_rows
