namespace Attune.Tokens.Pieces;

/// <summary>Texts with a number each, found by their beginnings; nodes and edges in plain arrays.</summary>
internal sealed class PieceTrie
{
    private readonly List<(char Sign, int Node)> _edges = [];
    private readonly List<(int First, int Count)> _nodes = [];
    private readonly List<int> _values = []; // of the text that ends at a node, -1 where none does

    public PieceTrie(IEnumerable<(string Text, int Value)> texts)
    {
        var sorted = texts.Where(entry => entry.Text.Length > 0).DistinctBy(entry => entry.Text).ToArray();
        Array.Sort(sorted, (a, b) => string.CompareOrdinal(a.Text, b.Text));
        var waiting = new Queue<(int Node, int From, int To, int Depth)>();
        AddNode();
        waiting.Enqueue((0, 0, sorted.Length, 0));
        while (waiting.TryDequeue(out var part))
            Grow(sorted, part, waiting);
    }

    /// <summary>The node of one more character; -1 where no text goes on so. 0 is the root.</summary>
    public int Step(int node, char sign)
    {
        var (first, count) = _nodes[node];
        var (low, high) = (first, first + count - 1);
        while (low <= high)
        {
            var middle = (low + high) >> 1;
            var edge = _edges[middle];
            if (edge.Sign == sign)
                return edge.Node;
            if (edge.Sign < sign)
                low = middle + 1;
            else
                high = middle - 1;
        }
        return -1;
    }

    /// <summary>The number of the text that ends at a node, or -1.</summary>
    public int ValueAt(int node) => _values[node];

    private void Grow((string Text, int Value)[] sorted, (int Node, int From, int To, int Depth) part, Queue<(int, int, int, int)> waiting)
    {
        var (node, from, to, depth) = part;
        if (from < to && sorted[from].Text.Length == depth)
            _values[node] = sorted[from++].Value;
        var first = _edges.Count;
        while (from < to)
        {
            var sign = sorted[from].Text[depth];
            var end = from + 1;
            while (end < to && sorted[end].Text[depth] == sign)
                end++;
            _edges.Add((sign, AddNode()));
            waiting.Enqueue((_edges[^1].Node, from, end, depth + 1));
            from = end;
        }
        _nodes[node] = (first, _edges.Count - first);
    }

    private int AddNode()
    {
        _nodes.Add(default);
        _values.Add(-1);
        return _nodes.Count - 1;
    }
}
