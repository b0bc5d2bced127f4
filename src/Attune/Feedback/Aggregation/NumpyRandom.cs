namespace Attune.Feedback.Aggregation;

/// <summary>
/// NumPy's legacy generator <c>RandomState(seed)</c>, draw for draw: the Mersenne Twister MT19937 (Matsumoto and Nishimura 1998) and the polar method
/// for normal draws (Marsaglia and Bray 1964). Published numbers begin from its draws; everything of our own draws from <see cref="Torch.Seed"/>.
/// </summary>
internal sealed class NumpyRandom
{
    private const int Size = 624, Middle = 397;

    private readonly uint[] _state = new uint[Size];
    private int _used = Size;
    private double? _spare; // the polar method makes two draws at a time

    public NumpyRandom(uint seed)
    {
        for (var i = 0; i < Size; i++)
        {
            _state[i] = seed;
            seed = 1812433253u * (seed ^ (seed >> 30)) + (uint)i + 1;
        }
    }

    /// <summary>A number in [0, 1) of 53 bits.</summary>
    public double Uniform()
    {
        var (high, low) = (Next() >> 5, Next() >> 6);
        return (high * 67108864.0 + low) / 9007199254740992.0;
    }

    /// <summary>A draw from the standard normal distribution.</summary>
    public double Normal()
    {
        if (_spare is { } spare)
        {
            _spare = null;
            return spare;
        }
        while (true)
        {
            var (x, y) = (2 * Uniform() - 1, 2 * Uniform() - 1);
            var square = x * x + y * y;
            if (square is >= 1 or 0)
                continue;
            var factor = Math.Sqrt(-2 * Math.Log(square) / square);
            _spare = factor * x;
            return factor * y;
        }
    }

    private uint Next()
    {
        if (_used == Size)
            Twist();
        var y = _state[_used++];
        y ^= y >> 11;
        y ^= (y << 7) & 0x9D2C5680;
        y ^= (y << 15) & 0xEFC60000;
        return y ^ (y >> 18);
    }

    private void Twist()
    {
        for (var i = 0; i < Size; i++)
        {
            var y = (_state[i] & 0x80000000) | (_state[(i + 1) % Size] & 0x7FFFFFFF);
            _state[i] = _state[(i + Middle) % Size] ^ (y >> 1) ^ ((y & 1) == 0 ? 0 : 0x9908B0DF);
        }
        _used = 0;
    }
}
