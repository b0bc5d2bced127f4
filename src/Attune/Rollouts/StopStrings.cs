using System.Text;

namespace Attune.Rollouts;

/// <summary>Watches the bytes of a response for stop texts, which may begin and end inside tokens.</summary>
internal sealed class StopStrings
{
    private readonly byte[][] _stops;
    private readonly Func<int, byte[]> _bytesOf;
    private readonly List<byte> _tail = [];
    private readonly int _longest;

    public StopStrings(IReadOnlyList<string> stops, Func<int, byte[]> bytesOf)
    {
        _stops = [.. stops.Select(Encoding.UTF8.GetBytes)];
        _bytesOf = bytesOf;
        _longest = _stops.Length == 0 ? 0 : _stops.Max(s => s.Length);
    }

    /// <summary>Adds a token; true once a stop text is complete.</summary>
    public bool Add(int token)
    {
        if (_longest == 0)
            return false;
        _tail.AddRange(_bytesOf(token));
        var tail = System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_tail);
        foreach (var stop in _stops)
        {
            if (tail.IndexOf(stop) >= 0)
                return true;
        }

        // Only what could still begin a match must stay.
        if (_tail.Count > _longest)
            _tail.RemoveRange(0, _tail.Count - _longest);
        return false;
    }
}
