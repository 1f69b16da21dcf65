\set ECHO none
-- What seq_scan does in each state: all calls on the users of :number, and what they read.
\o /dev/null
SELECT * FROM regress_scan.run(:number) \gexec
\o
\set ECHO all
SELECT * FROM regress_scan.verdict();
