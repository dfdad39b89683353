"""CloudZero, the partner that receives credits: its words stay here."""
