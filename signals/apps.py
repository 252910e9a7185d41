from django.apps import AppConfig


class SignalsConfig(AppConfig):
    name = "signals"

    def ready(self) -> None:
        # What `orders` must ask of strategies and signals, it asks through these.
        from orders.services import install_terms_source
        from orders.settling import install_settler
        from signals.settling import settle_signal
        from signals.strategy_services import strategy_terms

        install_settler(settle_signal)
        install_terms_source(strategy_terms)
