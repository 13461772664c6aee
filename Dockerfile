# One image for web, worker, beat and mailbox; docker-compose.yml says which command each runs.
FROM node:20-slim AS pages
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts

FROM python:3.11-slim
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PABAL_VAR=/var/lib/pabal
WORKDIR /app
# pg_dump and pg_restore, for backups
RUN apt-get update && apt-get install -y --no-install-recommends postgresql-client && rm -rf /var/lib/apt/lists/*
COPY requirements.txt constraints.txt ./
RUN pip install -r requirements.txt -c constraints.txt
COPY --from=pages /app/node_modules ./node_modules
COPY . .
RUN useradd --system --create-home pabal \
    && python manage.py translations compile \
    && mkdir -p /var/lib/pabal && chown -R pabal /var/lib/pabal
USER pabal
VOLUME /var/lib/pabal
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s CMD python -c "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/healthz')"
CMD ["gunicorn", "console.wsgi:application", "--bind", "0.0.0.0:8000", "--workers", "2", "--threads", "16", "--limit-request-line", "8190"]
