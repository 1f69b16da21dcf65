# Statements of the documentation, so that what is tested is what is written there.
package Documented;

use strict;
use warnings;

use PostgreSQL::Test::Utils ();

# The SQL example of a document that contains the text.
sub example
{
	my ($document, $text) = @_;
	my @found =
	  grep { index($_, $text) >= 0 } PostgreSQL::Test::Utils::slurp_file($document) =~ /^```sql\n(.*?)^```$/msg;
	die "$document has " . @found . " examples with: $text" if @found != 1;
	return $found[0];
}

# Grants all access levels again that the rows tell of.
sub grant_again { return example('docs/operations.md', 'session_service.grant_access(r.oid'); }

1;
