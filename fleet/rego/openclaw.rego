# A policy of your own over the JSON report: openclaw-verify check --format json | conftest test --policy fleet/rego -
# The verdict is openclaw-verify's; this asks for more than it. A pipe drops its exit code, so what it denies is denied here too.
package main

import rego.v1

# Of anything else no rule below says anything: not of a run that reached no verdict, nor of a later form of the report.
deny contains "this is no report that this policy knows: openclaw-verify.report/1 is asked for" if {
    not known
}

known if {
    input.schema == "openclaw-verify.report/1"
    is_array(input.findings)
    is_array(input.subjects)
}

deny contains message if {
    some finding in input.findings
    finding.level == "deny"
    not is_object(finding.suppressed)
    message := sprintf("%v: %s (%s)", [finding.subject, finding.id, finding.message])
}

# What may never be excepted here, whatever the machine's own policy says.
never := {"tree-mismatch", "dependency-mismatch", "definition-mismatch", "known-malicious"}

deny contains message if {
    some finding in input.findings
    finding.id in never
    message := sprintf("%v: %s (%s)", [finding.subject, finding.id, finding.message])
}

# Plugins need a basis that reaches beyond the first sight of them.
deny contains message if {
    some subject in input.subjects
    subject.kind == "plugin"
    subject.enabled
    not subject.basis in {"archive", "signed"}
    message := sprintf("%s stands on %v; a published archive or a signature is asked for", [subject.id, subject.basis])
}

deny contains "no advisories were looked at" if {
    not input.inputs.advisories
}

warn contains message if {
    input.summary.suppressed > 20
    message := sprintf("%d findings are excepted", [input.summary.suppressed])
}
