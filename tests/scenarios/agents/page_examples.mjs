// The four examples of the published page, as they stand there but for the port, each ended by
// what it prints. Run: node --experimental-websocket page_examples.mjs PORT
const port = process.argv[2];
const updatePositionUI = (data) => console.log('UI', data.symbol);
const realFetch = globalThis.fetch;
globalThis.fetch = (url, options) => realFetch(url.replace('localhost:8080', `localhost:${port}`), options);
const RealWebSocket = globalThis.WebSocket;
globalThis.WebSocket = class extends RealWebSocket {
  constructor(url) { super(url.replace('localhost:8080', `localhost:${port}`)); }
};

async function trading() {
  // 1. Start trading session
  const startResponse = await fetch('http://localhost:8080/api/v1/trade/start', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({
      symbol: 'BTC/USDT',
      initial_capital: 10000.00,
      mode: 'PAPER'
    })
  });
  const { session_id } = await startResponse.json();
  console.log('Trading started, session:', session_id);

  // 2. Connect to WebSocket for real-time updates
  const ws = new WebSocket('ws://localhost:8080/api/v1/ws');
  ws.onmessage = (event) => {
    const message = JSON.parse(event.data);
    switch (message.type) {
      case 'order_update':
        console.log('Order update:', message.data);
        break;
      case 'position_update':
        console.log('Position update:', message.data);
        updatePositionUI(message.data);
        break;
      case 'agent_status':
        console.log('Agent status:', message.data);
        break;
    }
  };
  await new Promise((opened) => { ws.onopen = opened; });

  // 3. Query positions periodically
  const timer = setInterval(async () => {
    const positions = await fetch(`http://localhost:8080/api/v1/positions?session_id=${session_id}`);
    const data = await positions.json();
    console.log('Current positions:', data.positions);
  }, 1000);
  return { ws, timer };
}

async function ordering(ws) {
  const orderResponse = await fetch('http://localhost:8080/api/v1/orders', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({
      symbol: 'BTC/USDT',
      side: 'BUY',
      type: 'LIMIT',
      quantity: 0.1,
      price: Number(process.argv[3])
    })
  });
  const { order } = await orderResponse.json();
  console.log('Order placed:', order.id);

  // Listen for order fill on WebSocket
  return new Promise((filled) => {
    const before = ws.onmessage;
    ws.onmessage = (event) => {
      before(event);
      const message = JSON.parse(event.data);
      if (message.type === 'order_update' && message.data.order_id === order.id) {
        console.log('Order status:', message.data.status);
        if (message.data.status === 'FILLED') {
          console.log('Order filled at:', message.data.filled_at);
          setTimeout(filled, 1500);
        }
      }
    };
    // It may have been filled before we listened.
    const look = setInterval(async () => {
      const found = await (await fetch(`http://localhost:8080/api/v1/orders/${order.id}`)).json();
      if (found.order.status === 'FILLED') {
        clearInterval(look);
        console.log('Order filled at:', found.order.filled_at);
        filled();
      }
    }, 500);
  });
}

async function decisions() {
  // Get recent decisions
  const decisionsResponse = await fetch('http://localhost:8080/api/v1/decisions?limit=10');
  const { decisions } = await decisionsResponse.json();

  // View reasoning for each decision
  decisions.forEach(decision => {
    console.log(`\nDecision: ${decision.decision} (confidence: ${decision.confidence})`);
    console.log(`Reasoning: ${decision.reasoning}`);
    console.log(`Outcome: ${decision.outcome}, P&L: $${decision.actual_pnl}`);
  });

  // Find similar past decisions
  const similarResponse = await fetch(`http://localhost:8080/api/v1/decisions/${decisions[0].id}/similar?limit=5`);
  const { similar } = await similarResponse.json();
  console.log('\nSimilar past decisions:');
  similar.forEach(s => {
    console.log(`- ${s.decision} (similarity: ${s.similarity}, outcome: ${s.outcome})`);
  });
}

async function configuring() {
  const configResponse = await fetch('http://localhost:8080/api/v1/config', {
    method: 'PATCH',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({
      max_position_size: 0.15,
      default_stop_loss: 0.03,
      default_take_profit: 0.06,
      min_confidence: 0.75
    })
  });
  const { updates } = await configResponse.json();
  console.log('Configuration updated:', updates);
}

const { ws, timer } = await trading();
await ordering(ws);
await configuring();
await new Promise((later) => { setTimeout(later, 3000); });
await decisions();
clearInterval(timer);
ws.close();
