"""The HTTP shell around admission: it decides with :mod:`policyc.admission` and compiles nothing."""
