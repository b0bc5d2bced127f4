using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Attune.Models;
using Attune.Runs;
using Attune.Torch;
using Attune.Torch.Modules;

namespace Attune.Updates;

/// <summary>
/// A trainer's tensors and numbers as one safetensors file; the numbers stand in its metadata as text that reads back exactly. Bits are kept
/// as they are, so that a resumed run is bit-equal; a killed process leaves the old file or the new one.
/// </summary>
internal static class TrainerState
{
    /// <summary>The name of the number that stands for the weights beside which an adapter learns.</summary>
    public const string Base = "base";

    /// <summary>The name of the number that stands for the weights of PPO's reference.</summary>
    public const string Reference = "reference";

    /// <summary>Writes the file, whole or not at all.</summary>
    public static void Write(string path, IReadOnlyList<(string Name, Tensor Value)> tensors, IReadOnlyDictionary<string, double> numbers) =>
        SafetensorsWriter.Write(
            path,
            tensors.Select(t => SafetensorsItem.Of(t.Name, t.Value)),
            [.. numbers.Select(n => KeyValuePair.Create(n.Key, n.Value.ToString("R", CultureInfo.InvariantCulture)))]);

    /// <summary>Copies the file's values into tensors of the same names, shapes and dtypes; returns its numbers. Nothing is copied from a file that does not fit.</summary>
    /// <param name="path">What <see cref="Write"/> wrote.</param>
    /// <param name="tensors">Every tensor of the trainer.</param>
    /// <param name="expected">Numbers that the trainer has too, and which say whose state it is: they have to be equal.</param>
    /// <exception cref="InputException">The file is damaged, or belongs to another model or run; names every reason.</exception>
    public static IReadOnlyDictionary<string, double> ReadInto(
        string path, IReadOnlyList<(string Name, Tensor Value)> tensors, IReadOnlyDictionary<string, double>? expected = null)
    {
        using var file = Open(path);
        var numbers = file.Metadata.ToDictionary(n => n.Key, n => double.Parse(n.Value, CultureInfo.InvariantCulture));
        var problems = OtherNumbers(numbers, expected).Concat(tensors.Select(t => Misfit(file, t.Name, t.Value)).OfType<Problem>()).ToArray();
        if (problems.Length > 0)
            throw new InputException(path, ProblemList.Shortened(problems));
        foreach (var (name, value) in tensors)
            file.ReadInto(name, value);
        return numbers;
    }

    /// <summary>A number that stands for data: 48 bits of its SHA-256, which a double holds exactly. Rows of another length give another number.</summary>
    public static double HashOf(IEnumerable<int[]> rows)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var row in rows)
        {
            hash.AppendData(MemoryMarshal.AsBytes([row.Length]));
            hash.AppendData(MemoryMarshal.AsBytes<int>(row));
        }

        return BitConverter.ToInt64(hash.GetHashAndReset()) & ((1L << 48) - 1);
    }

    /// <summary>What tells the frozen weights of a model that is read anew when a run goes on, under a name; nothing where they came from no folder.</summary>
    /// <param name="name">What the model is to the trainer.</param>
    /// <param name="model">The model; null for none.</param>
    public static IEnumerable<KeyValuePair<string, double>> HashOf(string name, CausalLm? model) =>
        model?.WeightsHash is { } hash ? [KeyValuePair.Create(name, WeightsHash.NumberOf(hash))] : [];

    /// <summary>
    /// The name of the first parameter with a value whose square is not finite, or null: NaN, infinite, or so large (10¹⁹) that norms overflow,
    /// behind which every loss can look finite because they divide by infinity.
    /// </summary>
    public static string? FirstBroken(IEnumerable<(string Name, Parameter Parameter)> parameters)
    {
        using var scope = TensorScope.Begin();
        using var frozen = Autograd.NoGrad();
        return parameters.FirstOrDefault(p => !double.IsFinite(p.Parameter.Value.Wide().Square().Max().Item())).Name; // NaN is the largest of all
    }

    private static SafetensorsFile Open(string path)
    {
        try
        {
            return SafetensorsFile.Open(path);
        }
        catch (InputException e)
        {
            throw new InputException(path, [.. e.Problems, new("", "holds no whole state to resume from; delete the folder of this checkpoint, then --resume goes on from the one before")]);
        }
    }

    private static IEnumerable<Problem> OtherNumbers(Dictionary<string, double> saved, IReadOnlyDictionary<string, double>? expected) =>
        from number in expected ?? new Dictionary<string, double>()
        where !saved.TryGetValue(number.Key, out var value) || value != number.Value
        select Problem.Of(number.Key, saved.TryGetValue(number.Key, out var other) ? $"is {other}" : "is missing", $"{number.Value}", FixOf(number.Key));

    private static string FixOf(string key) => key is Base or Reference
        ? $"the weights of the {key} have changed since the run began: put back the model's folder as it was, or begin a new run"
        : "resume with the recipe and data the run began with";

    private static Problem? Misfit(SafetensorsFile file, string name, Tensor value)
    {
        var own = SafetensorsItem.Of(name, value);
        var entry = file.Find(name);
        if (entry is not null && entry.DType == own.DType && entry.Shape.SequenceEqual(own.Shape))
            return null;
        var wanted = $"{SafetensorsTypes.NameOf(own.DType)} {SafetensorsTypes.Print(own.Shape)}";
        return Problem.Of(name, entry is null ? "is missing" : $"is {entry}", wanted, "resume with the recipe and models the run began with");
    }
}
