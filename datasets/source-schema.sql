-- The source contract: the tables Almanac reads, as a PostgreSQL schema (14 or newer).
--
-- A platform keeps its own tables; the files in this folder map each dataset to them. This script
-- is for a database that has none yet: the demonstration, the tests and the generator load into it.
-- It may be run again at any time and changes nothing that is there.
--
-- There are no foreign keys: rows of different tables arrive late and in any order, and a reader has
-- to cope with an event of an unknown company. There is no constraint on event_id either, since a
-- producer may repeat an event.
--
-- Two clocks: "timestamp" and the *_at columns say when a thing happened, created_at when it was
-- recorded, updated_at when its row last changed. Money is numeric, with its currency beside it.

CREATE SCHEMA IF NOT EXISTS app;
CREATE SCHEMA IF NOT EXISTS billing;

COMMENT ON SCHEMA app IS 'What the users of the platform do.';
COMMENT ON SCHEMA billing IS 'Companies, their subscriptions, and what they are charged and pay.';

-- Events ------------------------------------------------------------------------------------------

CREATE TABLE IF NOT EXISTS app.events (
  event_id uuid NOT NULL,
  event_type text NOT NULL,
  company_id uuid NOT NULL,
  user_id uuid,
  module_id uuid,
  metadata jsonb,
  "timestamp" timestamptz NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE app.events IS 'Everything that happened, one row each; append-only.';
COMMENT ON COLUMN app.events.event_id IS 'Identity of the event; a producer may send one twice.';
COMMENT ON COLUMN app.events.event_type IS
  'What happened, as <object>_<verb>; types that are not known pass through.';
COMMENT ON COLUMN app.events.company_id IS 'The tenant the event belongs to.';
COMMENT ON COLUMN app.events.user_id IS 'The acting user; null where there is none.';
COMMENT ON COLUMN app.events.module_id IS 'The module concerned; null where there is none.';
COMMENT ON COLUMN app.events.metadata IS
  'Details; amount, currency, duration_ms, method, endpoint and error_type are read.';
COMMENT ON COLUMN app.events."timestamp" IS 'When it happened.';
COMMENT ON COLUMN app.events.created_at IS 'When it was recorded.';

CREATE INDEX IF NOT EXISTS events_event_id_idx ON app.events (event_id);
CREATE INDEX IF NOT EXISTS events_company_id_timestamp_idx
  ON app.events (company_id, "timestamp");
CREATE INDEX IF NOT EXISTS events_timestamp_idx ON app.events ("timestamp");
CREATE INDEX IF NOT EXISTS events_created_at_idx ON app.events (created_at);

-- Companies and users -----------------------------------------------------------------------------

CREATE TABLE IF NOT EXISTS billing.companies (
  id uuid PRIMARY KEY,
  tenant_id uuid,
  name text,
  country char(2),
  industry text,
  size_band text,
  segment text,
  timezone text,
  currency char(3),
  signed_up_at timestamptz,
  deleted_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE billing.companies IS 'The paying customers, one row each.';
COMMENT ON COLUMN billing.companies.id IS 'Identity; company_id everywhere else.';
COMMENT ON COLUMN billing.companies.tenant_id IS
  'Identity of the company in the platform''s own access control.';
COMMENT ON COLUMN billing.companies.name IS 'Name for people.';
COMMENT ON COLUMN billing.companies.country IS 'Country, ISO 3166-1 alpha-2.';
COMMENT ON COLUMN billing.companies.industry IS 'Trade the company is in.';
COMMENT ON COLUMN billing.companies.size_band IS 'Band of company size, such as 11-50.';
COMMENT ON COLUMN billing.companies.segment IS 'Segment that forecasts and baselines group by.';
COMMENT ON COLUMN billing.companies.timezone IS 'Time zone, IANA name.';
COMMENT ON COLUMN billing.companies.currency IS 'Usual currency, ISO 4217.';
COMMENT ON COLUMN billing.companies.signed_up_at IS 'When it signed up.';
COMMENT ON COLUMN billing.companies.deleted_at IS 'When it was deleted; null while it exists.';
COMMENT ON COLUMN billing.companies.created_at IS 'When the row was recorded.';
COMMENT ON COLUMN billing.companies.updated_at IS 'When the row last changed.';

CREATE INDEX IF NOT EXISTS companies_updated_at_idx ON billing.companies (updated_at);

CREATE TABLE IF NOT EXISTS billing.users (
  id uuid PRIMARY KEY,
  company_id uuid NOT NULL,
  role text,
  invited_at timestamptz,
  activated_at timestamptz,
  last_seen_at timestamptz,
  deactivated_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE billing.users IS 'The users of each company, one row each.';
COMMENT ON COLUMN billing.users.id IS 'Identity; user_id everywhere else.';
COMMENT ON COLUMN billing.users.company_id IS 'The tenant.';
COMMENT ON COLUMN billing.users.role IS 'Role within the company.';
COMMENT ON COLUMN billing.users.invited_at IS 'When the user was invited.';
COMMENT ON COLUMN billing.users.activated_at IS 'When the user first became active.';
COMMENT ON COLUMN billing.users.last_seen_at IS 'When the user was last seen.';
COMMENT ON COLUMN billing.users.deactivated_at IS 'When the user was deactivated; null if active.';
COMMENT ON COLUMN billing.users.created_at IS 'When the row was recorded.';

CREATE INDEX IF NOT EXISTS users_company_id_idx ON billing.users (company_id);

-- What is sold ------------------------------------------------------------------------------------

CREATE TABLE IF NOT EXISTS billing.plans (
  id uuid PRIMARY KEY,
  code text NOT NULL,
  name text,
  tier_rank integer,
  "interval" text NOT NULL CHECK ("interval" IN ('month', 'quarter', 'year')),
  interval_count integer NOT NULL DEFAULT 1 CHECK (interval_count > 0),
  unit_amount numeric,
  currency char(3),
  seat_based boolean,
  active_from timestamptz,
  active_to timestamptz
);

COMMENT ON TABLE billing.plans IS 'The plans on offer now or before.';
COMMENT ON COLUMN billing.plans.id IS 'Identity; plan_id everywhere else.';
COMMENT ON COLUMN billing.plans.code IS 'Short stable name.';
COMMENT ON COLUMN billing.plans.name IS 'Name for people.';
COMMENT ON COLUMN billing.plans.tier_rank IS 'Place among the tiers; a higher rank is a higher tier.';
COMMENT ON COLUMN billing.plans."interval" IS 'Unit of the billing period.';
COMMENT ON COLUMN billing.plans.interval_count IS 'Number of units in a billing period.';
COMMENT ON COLUMN billing.plans.unit_amount IS
  'Price of a billing period, for each seat where the plan is seat-based.';
COMMENT ON COLUMN billing.plans.currency IS 'Currency of unit_amount, ISO 4217.';
COMMENT ON COLUMN billing.plans.seat_based IS 'Whether the price is for each seat.';
COMMENT ON COLUMN billing.plans.active_from IS 'When the plan came on offer.';
COMMENT ON COLUMN billing.plans.active_to IS 'When it went off; null while it is on offer.';

CREATE TABLE IF NOT EXISTS billing.modules (
  id uuid PRIMARY KEY,
  code text NOT NULL,
  name text,
  category text,
  unit_amount numeric,
  currency char(3)
);

COMMENT ON TABLE billing.modules IS 'The modules that are sold on top of a plan.';
COMMENT ON COLUMN billing.modules.id IS 'Identity; module_id everywhere else.';
COMMENT ON COLUMN billing.modules.code IS 'Short stable name.';
COMMENT ON COLUMN billing.modules.name IS 'Name for people.';
COMMENT ON COLUMN billing.modules.category IS 'Category the module belongs to.';
COMMENT ON COLUMN billing.modules.unit_amount IS 'Price of one unit for a billing period.';
COMMENT ON COLUMN billing.modules.currency IS 'Currency of unit_amount, ISO 4217.';

-- Subscriptions -----------------------------------------------------------------------------------

CREATE TABLE IF NOT EXISTS billing.subscriptions (
  id uuid PRIMARY KEY,
  company_id uuid NOT NULL,
  plan_id uuid,
  quantity integer,
  status text NOT NULL
    CHECK (status IN ('trialing', 'active', 'past_due', 'paused', 'canceled')),
  started_at timestamptz,
  trial_ends_at timestamptz,
  current_period_start timestamptz,
  current_period_end timestamptz,
  cancel_at timestamptz,
  canceled_at timestamptz,
  ended_at timestamptz,
  cancel_reason text CHECK (cancel_reason IN ('voluntary', 'payment', 'migration', 'other')),
  migrated_from uuid,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE billing.subscriptions IS
  'The present state of each subscription; a company may have several.';
COMMENT ON COLUMN billing.subscriptions.id IS 'Identity; subscription_id everywhere else.';
COMMENT ON COLUMN billing.subscriptions.company_id IS 'The tenant.';
COMMENT ON COLUMN billing.subscriptions.plan_id IS 'The present plan.';
COMMENT ON COLUMN billing.subscriptions.quantity IS 'The present number of seats or units.';
COMMENT ON COLUMN billing.subscriptions.status IS 'The present state.';
COMMENT ON COLUMN billing.subscriptions.started_at IS 'When it began.';
COMMENT ON COLUMN billing.subscriptions.trial_ends_at IS 'When its trial ends; null without one.';
COMMENT ON COLUMN billing.subscriptions.current_period_start IS
  'Start of the present billing period.';
COMMENT ON COLUMN billing.subscriptions.current_period_end IS 'End of the present billing period.';
COMMENT ON COLUMN billing.subscriptions.cancel_at IS 'When a scheduled cancellation takes effect.';
COMMENT ON COLUMN billing.subscriptions.canceled_at IS 'When cancellation was asked for.';
COMMENT ON COLUMN billing.subscriptions.ended_at IS 'When service ended.';
COMMENT ON COLUMN billing.subscriptions.cancel_reason IS 'Why it was canceled.';
COMMENT ON COLUMN billing.subscriptions.migrated_from IS
  'The subscription this one continues: one customer moves, no churn and no new.';
COMMENT ON COLUMN billing.subscriptions.created_at IS 'When the row was recorded.';
COMMENT ON COLUMN billing.subscriptions.updated_at IS 'When the row last changed.';

CREATE INDEX IF NOT EXISTS subscriptions_company_id_idx ON billing.subscriptions (company_id);
CREATE INDEX IF NOT EXISTS subscriptions_updated_at_idx ON billing.subscriptions (updated_at);

CREATE TABLE IF NOT EXISTS billing.subscription_changes (
  id uuid PRIMARY KEY,
  subscription_id uuid NOT NULL,
  company_id uuid NOT NULL,
  sequence bigint NOT NULL,
  change text NOT NULL CHECK (change IN (
    'trial_start', 'trial_convert', 'new', 'upgrade', 'downgrade', 'quantity', 'module_added',
    'module_removed', 'discount', 'pause', 'resume', 'cancel', 'cancel_withdrawn', 'reactivate')),
  plan_id uuid,
  module_id uuid,
  quantity integer,
  recurring_amount numeric,
  "interval" text CHECK ("interval" IN ('month', 'quarter', 'year')),
  interval_count integer CHECK (interval_count > 0),
  currency char(3),
  requested_at timestamptz,
  effective_at timestamptz NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE billing.subscription_changes IS
  'Every change of every subscription, in order; append-only.';
COMMENT ON COLUMN billing.subscription_changes.id IS 'Identity of the change.';
COMMENT ON COLUMN billing.subscription_changes.subscription_id IS 'The subscription that changes.';
COMMENT ON COLUMN billing.subscription_changes.company_id IS 'The tenant.';
COMMENT ON COLUMN billing.subscription_changes.sequence IS 'Order within the subscription.';
COMMENT ON COLUMN billing.subscription_changes.change IS
  'What changes. A cancel counts at effective_at unless a later cancel_withdrawn precedes that moment.';
COMMENT ON COLUMN billing.subscription_changes.plan_id IS 'The plan after the change.';
COMMENT ON COLUMN billing.subscription_changes.module_id IS 'The module added or removed.';
COMMENT ON COLUMN billing.subscription_changes.quantity IS 'Seats or units after the change.';
COMMENT ON COLUMN billing.subscription_changes.recurring_amount IS
  'The subscription''s new total for a whole period: modules included, after discount, before tax; 0 in trial.';
COMMENT ON COLUMN billing.subscription_changes."interval" IS 'Unit of the billing period.';
COMMENT ON COLUMN billing.subscription_changes.interval_count IS
  'Number of units in a billing period.';
COMMENT ON COLUMN billing.subscription_changes.currency IS
  'Currency of recurring_amount, ISO 4217.';
COMMENT ON COLUMN billing.subscription_changes.requested_at IS 'When the change was asked for.';
COMMENT ON COLUMN billing.subscription_changes.effective_at IS 'When the change takes effect.';
COMMENT ON COLUMN billing.subscription_changes.created_at IS 'When the change was recorded.';

CREATE INDEX IF NOT EXISTS subscription_changes_company_id_subscription_id_sequence_idx
  ON billing.subscription_changes (company_id, subscription_id, sequence);
CREATE INDEX IF NOT EXISTS subscription_changes_created_at_idx
  ON billing.subscription_changes (created_at);

-- Invoices and payments ---------------------------------------------------------------------------

CREATE TABLE IF NOT EXISTS billing.invoices (
  id uuid PRIMARY KEY,
  company_id uuid NOT NULL,
  subscription_id uuid,
  number text,
  status text NOT NULL
    CHECK (status IN ('draft', 'open', 'paid', 'past_due', 'void', 'uncollectible')),
  currency char(3) NOT NULL,
  subtotal numeric,
  tax numeric,
  total numeric NOT NULL,
  amount_paid numeric,
  issued_at timestamptz,
  due_at timestamptz,
  paid_at timestamptz,
  voided_at timestamptz,
  uncollectible_at timestamptz,
  period_start timestamptz,
  period_end timestamptz,
  billing_reason text CHECK (billing_reason IN ('create', 'cycle', 'update', 'manual')),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE billing.invoices IS 'The present state of each invoice.';
COMMENT ON COLUMN billing.invoices.id IS 'Identity; invoice_id everywhere else.';
COMMENT ON COLUMN billing.invoices.company_id IS 'The tenant.';
COMMENT ON COLUMN billing.invoices.subscription_id IS
  'The subscription it is for; null where there is none.';
COMMENT ON COLUMN billing.invoices.number IS 'Number for people.';
COMMENT ON COLUMN billing.invoices.status IS 'The present state.';
COMMENT ON COLUMN billing.invoices.currency IS 'Currency of the amounts, ISO 4217.';
COMMENT ON COLUMN billing.invoices.subtotal IS 'Amount before tax.';
COMMENT ON COLUMN billing.invoices.tax IS 'Tax.';
COMMENT ON COLUMN billing.invoices.total IS 'Amount to pay.';
COMMENT ON COLUMN billing.invoices.amount_paid IS 'Amount paid so far.';
COMMENT ON COLUMN billing.invoices.issued_at IS 'When it was issued; null for a draft.';
COMMENT ON COLUMN billing.invoices.due_at IS 'When it is due.';
COMMENT ON COLUMN billing.invoices.paid_at IS 'When it was paid in full.';
COMMENT ON COLUMN billing.invoices.voided_at IS 'When it was voided.';
COMMENT ON COLUMN billing.invoices.uncollectible_at IS 'When it was given up.';
COMMENT ON COLUMN billing.invoices.period_start IS 'Start of the period it charges.';
COMMENT ON COLUMN billing.invoices.period_end IS 'End of the period it charges.';
COMMENT ON COLUMN billing.invoices.billing_reason IS 'Why it was made.';
COMMENT ON COLUMN billing.invoices.created_at IS 'When the row was recorded.';
COMMENT ON COLUMN billing.invoices.updated_at IS 'When the row last changed.';

CREATE INDEX IF NOT EXISTS invoices_company_id_issued_at_idx
  ON billing.invoices (company_id, issued_at);
CREATE INDEX IF NOT EXISTS invoices_updated_at_idx ON billing.invoices (updated_at);

CREATE TABLE IF NOT EXISTS billing.transactions (
  id uuid PRIMARY KEY,
  invoice_id uuid,
  company_id uuid NOT NULL,
  user_id uuid,
  amount numeric NOT NULL,
  currency char(3) NOT NULL,
  status text NOT NULL
    CHECK (status IN ('pending', 'processing', 'succeeded', 'failed', 'refunded')),
  payment_method text CHECK (payment_method IN ('stripe', 'paypal', 'bank_transfer')),
  payment_method_id uuid,
  provider_transaction_id text,
  retry_count integer,
  last_retry_at timestamptz,
  next_retry_at timestamptz,
  error_message text,
  succeeded_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE billing.transactions IS 'The present state of each payment.';
COMMENT ON COLUMN billing.transactions.id IS 'Identity; transaction_id everywhere else.';
COMMENT ON COLUMN billing.transactions.invoice_id IS 'The invoice it settles.';
COMMENT ON COLUMN billing.transactions.company_id IS 'The tenant.';
COMMENT ON COLUMN billing.transactions.user_id IS 'The paying user; null where there is none.';
COMMENT ON COLUMN billing.transactions.amount IS 'Amount to be paid.';
COMMENT ON COLUMN billing.transactions.currency IS 'Currency of the amount, ISO 4217.';
COMMENT ON COLUMN billing.transactions.status IS 'The present state.';
COMMENT ON COLUMN billing.transactions.payment_method IS 'Provider the payment goes through.';
COMMENT ON COLUMN billing.transactions.payment_method_id IS 'The payment method used.';
COMMENT ON COLUMN billing.transactions.provider_transaction_id IS 'Identity at the provider.';
COMMENT ON COLUMN billing.transactions.retry_count IS 'Number of attempts after the first.';
COMMENT ON COLUMN billing.transactions.last_retry_at IS 'When it was last tried again.';
COMMENT ON COLUMN billing.transactions.next_retry_at IS 'When it will be tried again.';
COMMENT ON COLUMN billing.transactions.error_message IS 'What the provider said last.';
COMMENT ON COLUMN billing.transactions.succeeded_at IS
  'When it succeeded; kept after a refund.';
COMMENT ON COLUMN billing.transactions.created_at IS 'When the row was recorded.';
COMMENT ON COLUMN billing.transactions.updated_at IS 'When the row last changed.';

CREATE INDEX IF NOT EXISTS transactions_company_id_created_at_idx
  ON billing.transactions (company_id, created_at);
CREATE INDEX IF NOT EXISTS transactions_updated_at_idx ON billing.transactions (updated_at);

CREATE TABLE IF NOT EXISTS billing.payment_attempts (
  id uuid PRIMARY KEY,
  transaction_id uuid,
  invoice_id uuid,
  company_id uuid NOT NULL,
  payment_method_id uuid,
  attempt_number integer,
  amount numeric NOT NULL,
  currency char(3) NOT NULL,
  outcome text NOT NULL CHECK (outcome IN ('succeeded', 'failed', 'action_required')),
  decline_code text,
  decline_class text
    CHECK (decline_class IN ('hard', 'soft', 'never', 'technical', 'authentication')),
  attempted_at timestamptz NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE billing.payment_attempts IS 'Every attempt at a payment; append-only.';
COMMENT ON COLUMN billing.payment_attempts.id IS 'Identity of the attempt.';
COMMENT ON COLUMN billing.payment_attempts.transaction_id IS 'The payment attempted.';
COMMENT ON COLUMN billing.payment_attempts.invoice_id IS 'The invoice it settles.';
COMMENT ON COLUMN billing.payment_attempts.company_id IS 'The tenant.';
COMMENT ON COLUMN billing.payment_attempts.payment_method_id IS 'The payment method tried.';
COMMENT ON COLUMN billing.payment_attempts.attempt_number IS
  'Number of the attempt within the payment, 1 first.';
COMMENT ON COLUMN billing.payment_attempts.amount IS 'Amount attempted.';
COMMENT ON COLUMN billing.payment_attempts.currency IS 'Currency of the amount, ISO 4217.';
COMMENT ON COLUMN billing.payment_attempts.outcome IS 'How it ended.';
COMMENT ON COLUMN billing.payment_attempts.decline_code IS 'The provider''s code of a refusal.';
COMMENT ON COLUMN billing.payment_attempts.decline_class IS 'Class of the refusal.';
COMMENT ON COLUMN billing.payment_attempts.attempted_at IS 'When it was attempted.';
COMMENT ON COLUMN billing.payment_attempts.created_at IS 'When it was recorded.';

CREATE INDEX IF NOT EXISTS payment_attempts_company_id_attempted_at_idx
  ON billing.payment_attempts (company_id, attempted_at);
CREATE INDEX IF NOT EXISTS payment_attempts_attempted_at_idx
  ON billing.payment_attempts (attempted_at);
CREATE INDEX IF NOT EXISTS payment_attempts_created_at_idx
  ON billing.payment_attempts (created_at);

CREATE TABLE IF NOT EXISTS billing.payment_methods (
  id uuid PRIMARY KEY,
  company_id uuid NOT NULL,
  user_id uuid,
  type text CHECK (type IN ('card', 'bank_account', 'paypal')),
  provider text,
  brand text,
  funding text CHECK (funding IN ('credit', 'debit', 'prepaid')),
  issuer_country char(2),
  exp_month integer CHECK (exp_month BETWEEN 1 AND 12),
  exp_year integer,
  is_default boolean,
  is_active boolean,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE billing.payment_methods IS 'The present state of each payment method.';
COMMENT ON COLUMN billing.payment_methods.id IS 'Identity; payment_method_id everywhere else.';
COMMENT ON COLUMN billing.payment_methods.company_id IS 'The tenant.';
COMMENT ON COLUMN billing.payment_methods.user_id IS 'The user who gave it.';
COMMENT ON COLUMN billing.payment_methods.type IS 'Kind of method.';
COMMENT ON COLUMN billing.payment_methods.provider IS 'Provider that keeps it.';
COMMENT ON COLUMN billing.payment_methods.brand IS 'Brand of the card.';
COMMENT ON COLUMN billing.payment_methods.funding IS 'How the card is funded.';
COMMENT ON COLUMN billing.payment_methods.issuer_country IS
  'Country of the issuing bank, ISO 3166-1 alpha-2.';
COMMENT ON COLUMN billing.payment_methods.exp_month IS 'Month in which the card expires, 1 to 12.';
COMMENT ON COLUMN billing.payment_methods.exp_year IS 'Year in which the card expires, 4 digits.';
COMMENT ON COLUMN billing.payment_methods.is_default IS 'Whether it is charged by default.';
COMMENT ON COLUMN billing.payment_methods.is_active IS 'Whether it may be charged.';
COMMENT ON COLUMN billing.payment_methods.created_at IS 'When the row was recorded.';
COMMENT ON COLUMN billing.payment_methods.updated_at IS 'When the row last changed.';

CREATE INDEX IF NOT EXISTS payment_methods_company_id_idx ON billing.payment_methods (company_id);
CREATE INDEX IF NOT EXISTS payment_methods_updated_at_idx ON billing.payment_methods (updated_at);

CREATE TABLE IF NOT EXISTS billing.refunds (
  id uuid PRIMARY KEY,
  transaction_id uuid,
  company_id uuid NOT NULL,
  amount numeric NOT NULL,
  currency char(3) NOT NULL,
  reason text,
  status text NOT NULL CHECK (status IN ('pending', 'succeeded', 'failed')),
  succeeded_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE billing.refunds IS 'The present state of each refund.';
COMMENT ON COLUMN billing.refunds.id IS 'Identity of the refund.';
COMMENT ON COLUMN billing.refunds.transaction_id IS 'The payment that is refunded.';
COMMENT ON COLUMN billing.refunds.company_id IS 'The tenant.';
COMMENT ON COLUMN billing.refunds.amount IS 'Amount given back, positive.';
COMMENT ON COLUMN billing.refunds.currency IS 'Currency of the amount, ISO 4217.';
COMMENT ON COLUMN billing.refunds.reason IS 'Why it was refunded.';
COMMENT ON COLUMN billing.refunds.status IS 'The present state.';
COMMENT ON COLUMN billing.refunds.succeeded_at IS 'When the money was given back.';
COMMENT ON COLUMN billing.refunds.created_at IS 'When the row was recorded.';

CREATE INDEX IF NOT EXISTS refunds_company_id_idx ON billing.refunds (company_id);
CREATE INDEX IF NOT EXISTS refunds_created_at_idx ON billing.refunds (created_at);

CREATE TABLE IF NOT EXISTS billing.credit_notes (
  id uuid PRIMARY KEY,
  invoice_id uuid,
  company_id uuid NOT NULL,
  amount numeric NOT NULL,
  currency char(3) NOT NULL,
  reason text,
  issued_at timestamptz NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE billing.credit_notes IS 'Amounts taken off what a company owes; append-only.';
COMMENT ON COLUMN billing.credit_notes.id IS 'Identity of the credit note.';
COMMENT ON COLUMN billing.credit_notes.invoice_id IS
  'The invoice it corrects; null where the original is not known.';
COMMENT ON COLUMN billing.credit_notes.company_id IS 'The tenant.';
COMMENT ON COLUMN billing.credit_notes.amount IS 'Amount taken off, positive.';
COMMENT ON COLUMN billing.credit_notes.currency IS 'Currency of the amount, ISO 4217.';
COMMENT ON COLUMN billing.credit_notes.reason IS 'Why it was issued.';
COMMENT ON COLUMN billing.credit_notes.issued_at IS 'When it was issued.';
COMMENT ON COLUMN billing.credit_notes.created_at IS 'When the row was recorded.';

CREATE INDEX IF NOT EXISTS credit_notes_company_id_idx ON billing.credit_notes (company_id);
CREATE INDEX IF NOT EXISTS credit_notes_issued_at_idx ON billing.credit_notes (issued_at);
CREATE INDEX IF NOT EXISTS credit_notes_created_at_idx ON billing.credit_notes (created_at);

-- Exchange rates ----------------------------------------------------------------------------------

CREATE TABLE IF NOT EXISTS billing.exchange_rates (
  base char(3) NOT NULL,
  quote char(3) NOT NULL,
  rate_date date NOT NULL,
  rate numeric(20,10) NOT NULL CHECK (rate > 0),
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (base, quote, rate_date, created_at)
);

COMMENT ON TABLE billing.exchange_rates IS
  'Rates between currencies by day; append-only, a correction is a new row.';
COMMENT ON COLUMN billing.exchange_rates.base IS 'The currency one unit of which is priced.';
COMMENT ON COLUMN billing.exchange_rates.quote IS 'The currency the price is in.';
COMMENT ON COLUMN billing.exchange_rates.rate_date IS 'The day the rate is for.';
COMMENT ON COLUMN billing.exchange_rates.rate IS 'Units of quote for one unit of base.';
COMMENT ON COLUMN billing.exchange_rates.created_at IS 'When the rate was recorded.';

CREATE INDEX IF NOT EXISTS exchange_rates_created_at_idx ON billing.exchange_rates (created_at);
