-- Takes back the refused rows of a file that turned out not to be readable to its end.
-- params: $source_file
delete from staged_rejects
where source_file = $source_file
