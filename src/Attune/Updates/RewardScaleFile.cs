using System.Text.Json;
using Attune.Runs;

namespace Attune.Updates;

/// <summary>
/// <c>reward_scale.json</c> beside a reward model's weights: the gain and bias that are in its head already, so that training can go on from the
/// scores that its loss saw, and leads can be read as probabilities.
/// </summary>
internal static class RewardScaleFile
{
    private const string Name = "reward_scale.json";

    /// <summary>Writes the file into a model folder.</summary>
    public static void Write(string folder, RewardScale scale) => AtomicFile.WriteText(Path.Combine(folder, Name), ResultFile.Json(scale) + "\n");

    /// <summary>Reads it; null where a model folder has none.</summary>
    /// <exception cref="InputException">It is not what <see cref="Write"/> wrote.</exception>
    public static RewardScale? Read(string folder)
    {
        var path = Path.Combine(folder, Name);
        if (!File.Exists(path))
            return null;
        try
        {
            using var json = JsonDocument.Parse(ReadFailure.Told(path, () => File.ReadAllText(path)));
            var scale = new RewardScale(json.RootElement.GetProperty("gain").GetDouble(), json.RootElement.GetProperty("bias").GetDouble());
            if (scale.Gain != 0 && double.IsFinite(scale.Gain) && double.IsFinite(scale.Bias))
                return scale;
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            // told below
        }

        throw InputException.One(path, "cannot be read", "{\"gain\": …, \"bias\": …} with a gain other than 0", "restore the model folder, or delete the file to train on from the scores as they are");
    }
}
