from django.apps import AppConfig


class SignalsConfig(AppConfig):
    name = "signals"

    def ready(self) -> None:
        from orders.settling import install_settler
        from signals.settling import settle_signal

        install_settler(settle_signal)
